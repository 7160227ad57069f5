import type { Growth, RotationResult, Turn, TurnSettings } from '../stress/index.ts';
import { count, plural, rate, size, time } from './units.ts';

/** The settings of a turn on one line. */
export function turnText(index: number, settings: TurnSettings): string {
  const { topology, spis, lines, abi, churn, dispatch, seconds, seed } = settings;
  const input = topology
    ? `${plural(topology.vcpus, 'vCPU')}, ${plural(topology.devices, 'device')} of ${plural(topology.events, 'event')}`
    : 'recorded guest';
  return `turn ${index}: ${input}, ${plural(spis, 'wire')} (${lines}), design ${abi}, churn ${churn}, dispatch ${dispatch}, ${time(seconds * 1e9)}, seed ${seed}`;
}

/** The deliveries of a turn, and the memory of the process afterwards, on one line. */
export function turnEndText({ delivered, use }: Turn): string {
  return `  delivered ${count(delivered)}; the process holds ${useText(use)}`;
}

/** The result of a rotation as text for people. */
export function rotationText(result: RotationResult): string {
  const { turns, seconds, injected, delivered, failed } = result;
  const first = turns[0];
  const last = turns.at(-1);
  const uses =
    first && last
      ? [`after the first turn: ${useText(first.use)}; after the last: ${useText(last.use)}`]
      : [];
  const sound = result.lost + result.misrouted + result.spurious + result.stranded === 0;
  const lines = [
    `${plural(turns.length, 'turn')} in ${time(seconds * 1e9)}, seed ${result.seed}, fault ${result.fault}`,
    `injected ${count(injected)} (${rate(injected / seconds)}), delivered ${count(delivered)}`,
    ...uses,
    ...(result.growth.length > 0
      ? result.growth.map(growthText)
      : ['no resource grew beyond its bound from turn to turn']),
    `lost ${result.lost}, misrouted ${result.misrouted}, spurious ${result.spurious}, stranded ${result.stranded}${sound && failed === null ? ': every signal was followed by its delivery' : ''}`,
    ...(failed?.breaches ?? []).map((breach) => `BROKEN RULE in turn ${failed?.index}: ${breach}`),
    ...(failed?.error
      ? [`turn ${failed.index} ended with ${failed.error.code}: ${failed.error.message}`]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

function useText({ rssBytes, descriptors, threads }: Turn['use']): string {
  const counts = [
    ...(descriptors === null ? [] : [plural(descriptors, 'descriptor')]),
    ...(threads === null ? [] : [plural(threads, 'thread')]),
  ];
  return [`${size(rssBytes)} resident`, ...counts].join(', ');
}

function growthText({ resource, start, end, bound }: Growth): string {
  const shown = (value: number) => (resource === 'memory' ? size(value) : count(value));
  return `GROWTH of ${resource}: at least ${shown(start)} in the first turns, at least ${shown(end)} in the last; the bound is ${shown(bound)} more`;
}
