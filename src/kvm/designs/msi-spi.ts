import { FIRST_SPI } from '../../arch/intid.ts';
import { load } from '../../memory/word.ts';
import { Injector, MSI_EINVAL, putCached } from '../injector.ts';
import { ROUTE_DATA, ROUTE_IRQCHIP, ROUTE_MSI, ROUTE_TYPE } from '../route.ts';
import type { Vm } from '../vm.ts';
import type { VmmPolicy } from '../vmm/policies.ts';
import type { Design, Source } from './design.ts';
import { MERGED } from './merged.ts';
import { TableUserland } from './table-userland.ts';

/** The data of an MSI is the INTID of an SPI: what is cached for it is the pin. */
class MsiSpiInjector extends Injector {
  protected override copyRoute(to: number, from: number): void {
    if (load(this.words, from + ROUTE_TYPE) !== ROUTE_MSI) super.copyRoute(to, from);
    else putCached(this.words, to, ROUTE_IRQCHIP, load(this.words, from + ROUTE_DATA) - FIRST_SPI);
  }

  override sendMsi(_address: number, data: number, _flags: number, _deviceId: number): number {
    return this.driveSpi(data - FIRST_SPI, true) ? 1 : MSI_EINVAL;
  }
}

class MsiSpiUserland extends TableUserland {
  readonly #spis: number;

  constructor(vm: Vm, policy: VmmPolicy | undefined) {
    super(vm, true, policy);
    this.#spis = vm.vgic.spis;
  }

  override carries(source: Source): boolean {
    return (
      source.kind === 'wired' || (source.eventId >= FIRST_SPI && source.eventId < FIRST_SPI + this.#spis)
    );
  }
}

/**
 * E: patch 6 of the RFC, for GICv2M: kvm_set_msi injects the SPI that the MSI's data names. The route's DeviceID and
 * doorbell mean nothing. There are no LPIs in it, and no more vectors than SPIs. (QEMU does without: it maps the data to
 * a GSI itself.)
 */
export const MSI_SPI: Design = {
  ...MERGED,
  name: 'msi-spi',
  letter: 'E',
  title: 'MSI data names the SPI, as GICv2M',
  status: 'RFC of June 2015, kernel part not merged',
  msi: 'spi',
  names: { guest: ['intid'], userland: ['gsi', 'intid'], kernel: ['gsi', 'intid'], device: ['intid'] },
  makeInjector: (words, parts, reader) => new MsiSpiInjector(words, parts, reader),
  capabilities: { KVM_CAP_MSI_DEVID: 0 },
  makeUserland: (vm, policy) => new MsiSpiUserland(vm, policy),
};
