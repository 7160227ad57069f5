import { type DeviceId, FIRST_SPI } from '../../arch/intid.ts';
import { load } from '../../memory/word.ts';
import { Injector, putCached } from '../injector.ts';
import { KVM_USERSPACE_IRQ_SOURCE_ID } from '../irqchip.ts';
import { MSI_EINVAL } from '../msi.ts';
import { ROUTE_DATA, ROUTE_IRQCHIP, ROUTE_MSI, ROUTE_TYPE } from '../route.ts';
import type { KernelDesign } from './kernel-design.ts';
import { MERGED } from './merged.ts';

/** The data of an MSI is the INTID of an SPI: the cached route holds the pin. */
class MsiSpiInjector extends Injector {
  protected override copyRoute(to: number, from: number): void {
    if (load(this.words, from + ROUTE_TYPE) !== ROUTE_MSI) super.copyRoute(to, from);
    else putCached(this.words, to, ROUTE_IRQCHIP, load(this.words, from + ROUTE_DATA) - FIRST_SPI);
  }

  override sendMsi(_address: number, data: number, _flags: number, _deviceId: DeviceId): number {
    const driven = this.irqchip.drive(data - FIRST_SPI, true, KVM_USERSPACE_IRQ_SOURCE_ID);
    return driven < 0 ? MSI_EINVAL : 1;
  }
}

/** The kernel's half of the design `msi-spi`. @see the table of designs in `vmm/designs.ts` */
export const MSI_SPI: KernelDesign = {
  ...MERGED,
  name: 'msi-spi',
  msi: 'spi',
  makeInjector: (words, parts, reader) => new MsiSpiInjector(words, parts, reader),
  capabilities: { KVM_CAP_MSI_DEVID: 0 },
};
