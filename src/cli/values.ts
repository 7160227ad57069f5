import { InvalidArgumentError } from 'commander';

/** A parser of a whole number within bounds, for commander; numbers may be written as `0x10` and `8_192`. */
export function wholeNumber(low: number, high: number, unit = ''): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''));
    if (text.trim() !== '' && Number.isInteger(value) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`Give a whole number${unit && ` of ${unit}`} from ${low} to ${high}.`);
  };
}

/** A parser of a number, fractions included, within bounds. */
export function number(low: number, high: number, unit: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`Give a number of ${unit} from ${low} to ${high}.`);
  };
}
