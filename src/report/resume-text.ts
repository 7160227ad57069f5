import type { OpenSource, ResumeResult } from '../stress/index.ts';
import { violationLines } from './stress-text.ts';
import { table } from './table.ts';
import { plural } from './units.ts';

const SHOWN = 10;

const THEN = {
  delivered: 'delivered when its vCPU looked again: a wake-up was missing',
  pending:
    'still pending although its vCPU looked again: no list leads to the interrupt, or a mask holds the interrupt back',
  gone: 'pending nowhere: the signal was lost on its way',
} as const satisfies Record<OpenSource['after'], string>;

/** A kept moment of a stress run, and the actions of its vCPUs when they ran once more, as text for people. */
export function resumeText(result: ResumeResult): string {
  const { config, open } = result;
  const lines = [
    `moment of: ${result.run}`,
    `${plural(config.vcpus, 'vCPU')}, ${plural(config.devices, 'device')}; design ${config.abi}, dispatch ${config.dispatch}, churn ${config.churn}, fault ${config.fault}, seed ${config.seed}`,
    `lost ${result.lost}, misrouted ${result.misrouted}, spurious ${result.spurious}, stranded ${result.stranded}`,
    ...violationLines(result.violations),
    '',
    open.length === 0
      ? 'every signal was followed by a delivery'
      : `${plural(open.length, 'source')} without a delivery of the last signal; the vCPUs ran once more, without devices:`,
    ...(open.length === 0 ? [] : [openTable(open)]),
    ...(open.length > SHOWN ? [`(and ${open.length - SHOWN} more: --json lists all)`] : []),
    ...(result.foundSince > 0 ? [`${plural(result.foundSince, 'violation')} more meanwhile`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function openTable(open: readonly OpenSource[]): string {
  const rows = open
    .slice(0, SHOWN)
    .map(({ source, device, intid, sent, seen, waits, vcpu, after }) => [
      source < 0 ? '–' : String(source),
      device,
      String(intid),
      String(sent),
      String(seen),
      waits === 'pending' ? `pending at vCPU ${vcpu}` : waits === 'eventfd' ? 'in its eventfd' : 'nowhere',
      THEN[after],
    ]);
  return table(['source', 'device', 'INTID', 'signals', 'seen', 'its signal was', 'then'], rows);
}
