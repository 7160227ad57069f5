import type { Machine } from '../../board/machine.ts';
import type { Dispatch } from '../../kvm/irqfds.ts';
import { LATENCY } from '../../measure/buckets.ts';
import { Histogram, histogramWords } from '../../measure/histogram.ts';
import { EVENT_COUNT, EventCount } from '../../memory/event-count.ts';
import { Layout, LINE, type Region } from '../../memory/layout.ts';
import { Places, placesRegion } from '../../threads/user/places.ts';
import type { OwnCode } from '../own/own-code.ts';
import type { Size, Via } from './scale-result.ts';

/** The plan that every thread of a size gets. Plain data. LPI `8192 + i` belongs to device `i % devices` and targets vCPU `i % vcpus`. */
export type ScalePlan = Size & { readonly via: Via; readonly dispatch: Dispatch; readonly own: OwnCode };

type ScaleRegions = {
  readonly stop: Region;
  readonly sent: Region;
  readonly done: Region;
  readonly bells: readonly Region[];
  readonly latency: readonly Region[];
  /** The current call of each user's guest, for messages. */
  readonly places: Region;
};

function scaleRegions(layout: Layout, { vcpus, devices, lpis }: Size): ScaleRegions {
  return {
    stop: layout.region('stop', LINE),
    // A cache line for each LPI and writer: `sent` of its device, `done` of its vCPU.
    sent: layout.region('sent', lpis * LINE),
    done: layout.region('done', lpis * LINE),
    bells: Array.from({ length: devices }, (_, device) => layout.place(`bell${device}`, EVENT_COUNT)),
    latency: Array.from({ length: vcpus }, (_, vcpu) =>
      layout.region(`latency${vcpu}`, histogramWords(LATENCY)),
    ),
    places: placesRegion(layout, vcpus),
  };
}

export function scaleWords(size: Size): number {
  const layout = new Layout();
  scaleRegions(layout, size);
  return layout.words;
}

/** The views of a run on its machine. */
export function scaleViews(machine: Machine, size: Size) {
  const regions = scaleRegions(new Layout(machine.scenario.at), size);
  return {
    /** 1: devices finish. */
    stopAt: regions.stop.at,
    /** When its device last signalled the LPI. */
    stampAt: (index: number) => regions.sent.at + index * LINE,
    /** How often its vCPU has handled the LPI, modulo 2^32. */
    doneAt: (index: number) => regions.done.at + index * LINE,
    bells: regions.bells.map((region) => new EventCount(machine.words, region)),
    latency: regions.latency.map((region) => new Histogram(machine.words, region, LATENCY)),
    places: new Places(machine.words, regions.places),
  };
}
