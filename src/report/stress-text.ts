import type { ChurnCount, NamedViolation, StressResult } from '../stress/index.ts';
import { held } from '../stress/stress-result.ts';
import { table } from './table.ts';
import { count, plural, rate, size, time } from './units.ts';

/** Kinds of churn that not every guest has, with their names for one and for many. */
const OTHER_CHURN = [
  ['collections', 'collection moved', 'collections moved'],
  ['sharedLpis', 'LPI shared', 'LPIs shared'],
  ['toggles', 'SPI disabled and enabled', 'SPIs disabled and enabled'],
  ['priorities', 'priority changed', 'priorities changed'],
  ['raises', 'INT or ISPENDR', 'INTs and ISPENDRs'],
  ['switches', 'controller turned off and on', 'controllers turned off and on'],
  ['swaps', 'event mapped anew unmasked', 'events mapped anew unmasked'],
] as const satisfies readonly (readonly [ChurnCount, string, string])[];

/** The meanings of the kinds of churn on x86. */
const X86_CHURN = [
  ['moves', 'move', 'moves'],
  ['routeUpdates', 'route update', 'route updates'],
  ['masks', 'irqfd deassigned and assigned', 'irqfds deassigned and assigned'],
  ['remaps', 'vector changed', 'vectors changed'],
  ['toggles', 'pin masked and unmasked', 'pins masked and unmasked'],
  ['swaps', 'trigger mode changed and back', 'trigger modes changed and back'],
  ['priorities', 'task priority raised', 'task priorities raised'],
  ['raises', 'KVM_SIGNAL_MSI or edge of the driver', 'KVM_SIGNAL_MSIs and edges of the driver'],
] as const satisfies readonly (readonly [ChurnCount, string, string])[];

/** Churn of a run with vPEs, likewise. */
const VPE_CHURN = [
  ['moves', 'VMOVI', 'VMOVIs'],
  ['collections', 'VMOVP', 'VMOVPs'],
  ['switches', 'vPE ended and mapped', 'vPEs ended and mapped'],
  ['configs', 'vLPI disabled and enabled', 'vLPIs disabled and enabled'],
  ['toggles', 'vSGI disabled and enabled', 'vSGIs disabled and enabled'],
  ['masks', 'irqfd deassigned and assigned', 'irqfds deassigned and assigned'],
  ['routeUpdates', 'route update', 'route updates'],
  ['remaps', 'event mapped anew', 'events mapped anew'],
  ['swaps', 'while it signalled', 'while they signalled'],
  ['raises', 'INT or GITS_SGIR of the driver', 'INTs and GITS_SGIRs of the driver'],
] as const satisfies readonly (readonly [ChurnCount, string, string])[];

/** How many violations are printed one by one. */
const SHOWN = 10;

/** The result of a stress run as text for people. */
export function stressText(result: StressResult): string {
  const { config, latencyNs } = result;
  const lines = [
    `${plural(config.vcpus, 'vCPU')}, ${plural(config.devices, 'device')}, ${plural(config.events, 'event')}, ${plural(config.spis, 'wire')}${config.itses === undefined ? '' : `, ${config.itses} ITSes`}; dispatch ${config.dispatch}, churn ${config.churn}, seed ${config.seed}`,
    `${config.irqchip === undefined ? '' : 'IOAPIC and local APICs; '}${result.vpes ? 'GICv4.1; ' : ''}design ${config.abi}${config.eventsAs === 'spi' ? ': no irqfd of it leads to the ITS, so each event is an edge-triggered SPI' : ''}`,
    `input ${inputText(config)}; ${size(result.sharedBytes)} shared, threads ready in ${time(result.bootMs * 1e6)}`,
    '',
    table(
      ['vCPU', 'delivered', 'rate', 'halts', 'poll hits', 'p50', 'p99', 'p99.9', 'max'],
      result.vcpus.map(({ vcpu, delivered, halts, pollHits, latencyNs: ns }) => [
        String(vcpu),
        count(delivered),
        rate(delivered / result.seconds),
        count(halts),
        count(pollHits),
        time(ns.p50),
        time(ns.p99),
        time(ns.p999),
        time(ns.max),
      ]),
      [4, 3, 8, 7, 2, 6],
    ),
    '',
    table(
      ['device', 'sources', 'injected', 'delivered', 'coalesced', 'rate'],
      result.devices.map(({ name, sources, injected, delivered, coalesced }) => [
        name,
        count(sources),
        count(injected),
        count(delivered),
        count(coalesced),
        rate(injected / result.seconds),
      ]),
    ),
    '',
    `in ${time(result.seconds * 1e9)}: injected ${count(result.injected)} (${rate(result.injectedPerSecond)}), delivered ${count(result.delivered)} (${rate(result.deliveredPerSecond)}), coalesced ${count(result.coalesced)}`,
    `signal to handler: p50 ${time(latencyNs.p50)}, p90 ${time(latencyNs.p90)}, p99 ${time(latencyNs.p99)}, p99.9 ${time(latencyNs.p999)}, max ${time(latencyNs.max)} (${count(latencyNs.count)} timed${result.stampEvery > 1 ? `: of ${result.stampEvery} signals one` : ''})`,
    `meanwhile: ${churnText(result)}`,
    ...stillLines(result),
    ...ruleLines(result),
    ...coverageLines(result),
    ...perturbationLines(result),
    ...lineLines(result),
    ...listRegisterLines(result),
    ...vpeLines(result),
    ...programLines(result),
    `lost ${result.lost}, misrouted ${result.misrouted}, spurious ${result.spurious}, stranded ${result.stranded}${held(result) ? ': every signal was followed by its delivery' : ''}`,
    ...violationLines(result.violations, config.irqchip === undefined ? 'INTID' : 'vector'),
  ];
  return `${lines.join('\n')}\n`;
}

function ruleLines({ rules }: StressResult): string[] {
  if (!rules) return [];
  const head = `rules looked at with all at rest: ${plural(rules.looks, 'look')} at ${plural(rules.rules, 'rule')}, broken ${count(rules.broken)}`;
  return [head, ...rules.breaches.slice(0, SHOWN).map((breach) => `  ${breach}`)];
}

function inputText({ source, guest, device }: StressResult['config']): string {
  if (guest === undefined && device === undefined)
    return source === 'synthetic' ? 'synthetic topology' : `recorded guest ${source}`;
  return `guest ${guest ?? 'of irqloom'}, device ${device ?? 'of irqloom'}`;
}

function stillLines({ stillness, sgis, raised }: StressResult): string[] {
  const lines: string[] = [];
  if (sgis)
    lines.push(
      `SGIs between vCPUs: ${count(sgis.sent)} sent, ${count(sgis.delivered)} delivered; the driver made ${plural(raised, 'interrupt')} pending by itself`,
    );
  if (stillness)
    lines.push(
      `${plural(stillness.phases, 'still phase')}: all had settled within ${time(stillness.longestMs * 1e6)}; stranded after ${time(stillness.boundMs * 1e6)} without progress, by the wake-ups of this run`,
    );
  return lines;
}

function coverageLines({ coverage }: StressResult): string[] {
  if (!coverage) return [];
  const { commands, registers, transitions } = coverage;
  const names = Object.keys(commands);
  const missing = names.filter((name) => commands[name] === 0);
  const but = missing.length === 0 || missing.length === names.length ? '' : ` (not ${missing.join(', ')})`;
  const changes =
    transitions.length === 0 ? '' : `, ${plural(transitions.length, 'transition')} of an interrupt`;
  return [
    `covered by the driver: ${names.length - missing.length} of ${names.length} ITS commands${but}, ${plural(registers.length, 'register')} of the GIC written${changes}`,
  ];
}

function perturbationLines({ config, perturbation, seconds }: StressResult): string[] {
  if (!perturbation) return [];
  const { delays, delayedSeconds, windowsMet, windowsStopped } = perturbation;
  const threads = 2 + config.vcpus + config.devices;
  const share = (100 * delayedSeconds) / (threads * seconds);
  return [
    `perturbed (${config.perturb}): ${plural(delays, 'delay')}, ${share.toFixed(0)} % of the threads' time; stopped in ${count(windowsStopped)} of ${plural(windowsMet, 'window')} met; rates and latencies include the delays`,
  ];
}

function programLines({ programs }: StressResult): string[] {
  if (!programs) return [];
  const { failure, seconds, schedules, steps } = programs;
  const amount = `${plural(programs.programs, 'program')} drawn for a small machine: ${plural(schedules, 'schedule')}, ${plural(steps, 'step')} in ${time(seconds * 1e9)}`;
  if (!failure) return [`${amount}; none failed`];
  const threads = failure.threads.map((thread) => `  ${thread}`);
  return [`${amount}; ${failure.program} failed (${failure.kind}): ${failure.message}`, ...threads];
}

function lineLines({ lines }: StressResult): string[] {
  if (!lines) return [];
  const { taken, raises, reasserts, idle, mostIdleInARow, stuck, lostLevels, takenPerRaise } = lines;
  return [
    `${plural(lines.lines, 'resampled line')}, ${count(lines.shared)} shared: raised ${count(raises)} times, ${count(reasserts)} of them again after the end of an interrupt; taken ${count(taken)} times (${takenPerRaise.toFixed(3)} a raise), ${count(idle)} with nothing to do, at most ${count(mostIdleInARow)} in a row; stuck ${stuck}, levels lost ${lostLevels}`,
  ];
}

function listRegisterLines({ config, listRegisters, delivered }: StressResult): string[] {
  if (!listRegisters) return [];
  const { entries, overflows, maintenance, counted } = listRegisters;
  return [
    `${plural(config.listRegisters ?? 0, 'list register')} a vCPU: ${count(entries)} entries of a guest for ${count(delivered)} deliveries, ${count(overflows)} of them with more interrupts than list registers; ${plural(maintenance, 'maintenance interrupt')}, ${plural(counted, 'EOI')} counted`,
  ];
}

function vpeLines({ vpes }: StressResult): string[] {
  if (!vpes) return [];
  const { residencies, sleeps, doorbells, pendingLasts } = vpes;
  return [
    `${plural(vpes.vpes, 'vPE')}, ${plural(vpes.vsgis, 'vSGI')}: resident ${count(residencies)} times; ${plural(sleeps, 'sleep')} until a doorbell rings, ${plural(doorbells, 'doorbell')}; ${plural(pendingLasts, 'sleep')} ended by PendingLast`,
  ];
}

function churnText({ churn, config, vpes }: StressResult): string {
  if (vpes) return VPE_CHURN.map(([name, one, many]) => plural(churn[name], one, many)).join(', ');
  if (config.irqchip !== undefined)
    return X86_CHURN.map(([name, one, many]) => plural(churn[name], one, many)).join(', ');
  const parts = [
    plural(churn.moves, 'move'),
    plural(churn.routeUpdates, 'route update'),
    plural(churn.masks, 'mask and unmask', 'masks and unmasks'),
    plural(churn.configs, 'LPI disabled and enabled', 'LPIs disabled and enabled'),
    plural(churn.remaps, 'remap'),
    ...OTHER_CHURN.flatMap(([name, one, many]) => (churn[name] > 0 ? [plural(churn[name], one, many)] : [])),
  ];
  return parts.join(', ');
}

/**
 * The first violations of a run as a table; no line for a run without any.
 * @param named - the word for an interrupt's number
 */
export function violationLines(
  violations: readonly NamedViolation[],
  named: 'INTID' | 'vector' = 'INTID',
): string[] {
  if (violations.length === 0) return [];
  const rows = violations
    .slice(0, SHOWN)
    .map(({ kind, churn, device, deviceId, eventId, gsi, intid, vcpu, sent, seen }) => {
      const event = deviceId < 0 ? '–' : `${deviceId}:${eventId}`;
      return [
        kind,
        churn,
        device,
        event,
        gsi < 0 ? '–' : String(gsi),
        String(intid),
        String(vcpu),
        String(sent),
        String(seen),
      ];
    });
  const more = violations.length > SHOWN ? [`(and more: --json lists the first ${violations.length})`] : [];
  return [
    '',
    table(
      ['violation', 'churn', 'device', 'event', 'GSI', named, 'vCPU', 'signals', 'seen'],
      rows,
      [1, 7, 8, 4],
    ),
    ...more,
  ];
}
