import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readProbe } from './abi.ts';
import { AbiModel } from './abi-model.ts';
import { probeRecordingOf, probes } from './recordings.ts';

/** What the model cannot do yet: vCPU ids that are not indexes, and routing tables as /init writes them. */
const UNANSWERED = new Set(['vcpu-ids.abi']);
const ASKED = probes().filter((path) => !UNANSWERED.has(basename(path)));

/** The commands and answers of the model, in the form of a recording. */
function answersOf(commands: readonly string[]): string[] {
  const model = new AbiModel();
  return commands.flatMap((command) => {
    if (command.startsWith('T ')) return [];
    const answer = model.obey(command);
    return answer === undefined ? [] : [`${command} = ${answer}`];
  });
}

function recorded(path: string): string[] {
  const lines = readFileSync(probeRecordingOf(path, '7.2'), 'utf8').trim().split('\n');
  return lines.filter((line) => !line.startsWith('T '));
}

describe('KVM calls, asked of Linux 7.2', () => {
  test.each(ASKED.map((path) => [basename(path), path] as const))('%s: each answer and errno', (_, path) => {
    expect(answersOf(readProbe(path))).toEqual(recorded(path));
  });

  test('an answer that differs is found', () => {
    const path = ASKED.find((each) => each.endsWith('vcpu-after-init.abi')) ?? '';
    const earlier = readProbe(path).filter((command) => command !== 'A s 0 4 0 0');
    expect(answersOf(earlier)).not.toEqual(recorded(path));
  });
});
