import { InvalidArgumentError, Option } from 'commander';
import { MEMORY_MODELS, type MemoryModel } from '../boot/plan.ts';
import { wholeNumber } from './values.ts';

/** A guest's memory: its size, and the order in which its vCPUs see each other's stores. */
export type MemoryFlag = { readonly mebibytes: number; readonly model: MemoryModel };

/** `--memory`, which takes a size or a model, and may be given twice. */
export function memoryOption(mebibytes: number): Option {
  return new Option(
    '-m, --memory <MiB|model>',
    'guest memory: its size; or strong, or arm: stores wait in their vCPU until the schedule, a barrier or a release lets them leave; may be given twice',
  )
    .argParser(parse)
    .default({ mebibytes, model: 'strong' } satisfies MemoryFlag, `${mebibytes} and strong`);
}

function parse(text: string, before: MemoryFlag): MemoryFlag {
  const model = MEMORY_MODELS.find((name) => name === text);
  if (model !== undefined) return { ...before, model };
  if (!/^\d/.test(text))
    throw new InvalidArgumentError(`It is a number of MiB, or one of ${MEMORY_MODELS.join(', ')}.`);
  return { ...before, mebibytes: wholeNumber(2, 3072, 'MiB')(text) };
}
