import type { DeviceId } from '../../arch/intid.ts';
import type { Words } from '../../memory/word.ts';
import { load } from '../../memory/word.ts';
import type { Gsi } from '../gsi.ts';
import {
  CACHED_DATA,
  CACHED_DEVICE,
  CACHED_KIND,
  CACHED_WORDS,
  type InjectorParts,
  putCached,
} from '../injector.ts';
import { REMEMBERED_WORDS } from '../irqchip.ts';
import { MSI_VALID_DEVID, ROUTE_IRQCHIP, ROUTE_MSI } from '../route.ts';
import type { GicIrqchip } from '../vgic/gic-irqchip.ts';
import type { KernelDesign } from './kernel-design.ts';
import { UNROUTED, UnroutedInjector } from './unrouted.ts';

/** The ITS of a pair that has no doorbell address: designs with such pairs allow one ITS. */
const THE_ITS = 0;

/** Injects the pair in the irqfd. The pair is written once, before the irqfd is hooked, so it needs no guard. */
class DirectInjector extends UnroutedInjector {
  readonly #gic: GicIrqchip;

  constructor(words: Words, parts: InjectorParts<GicIrqchip>, reader: number) {
    super(words, parts, reader);
    this.#gic = parts.irqchip;
  }

  override injectWithoutLock(at: number, _sequence: number): boolean {
    const { words } = this;
    const data = load(words, at + CACHED_DATA);
    if (load(words, at + CACHED_KIND) === ROUTE_MSI) {
      return this.irqchip.latchCached(THE_ITS, load(words, at + CACHED_DEVICE), data);
    }
    return this.irqchip.raiseWithoutLock(data);
  }

  override cacheRoute(to: number, _sequence: number, gsi: Gsi, device: DeviceId): void {
    if (device < 0) putCached(this.words, to, ROUTE_IRQCHIP, gsi);
    else putCached(this.words, to, ROUTE_MSI, gsi, device);
  }

  override inject(gsi: Gsi, route: number, level: boolean, source?: number): number {
    if (load(this.words, route + CACHED_KIND) !== ROUTE_MSI) return this.setIrq(gsi, level, source);
    if (!level) return -1;
    const sent = this.sendMsi(
      this.#gic.doorbell,
      gsi,
      MSI_VALID_DEVID,
      load(this.words, route + CACHED_DEVICE),
    );
    return sent < 0 ? -1 : sent;
  }
}

/** The kernel's half of the design `direct`. @see the table of designs in `vmm/designs.ts` */
export const DIRECT: KernelDesign = {
  ...UNROUTED,
  name: 'direct',
  msi: 'lpi',
  wordsPerSource: { irqfd: CACHED_WORDS + REMEMBERED_WORDS, table: 0 },
  makeInjector: (words, parts, reader) => new DirectInjector(words, parts, reader),
};
