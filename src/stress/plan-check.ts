import { FIRST_LPI, type Intid } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import type { Source, SourceKind } from '../guest/index.ts';
import { IRQCHIP_PINS, MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { PERTURBATIONS } from '../memory/perturbation/timing.ts';
import { type Plan, stressWords } from './stress-plan.ts';
import { CHURNS } from './stress-result.ts';

const KINDS: readonly SourceKind[] = ['msi', 'msi-spi', 'edge', 'level'];
/** More slices a thread than any run keeps. */
const MOST_SLICES = 2 ** 13;

type Fields = Readonly<Record<string, unknown>>;
type Refuse = (why: string) => Error;

/**
 * Checks a plan that was read from a file against the machine that the plan is for: every number that becomes an index
 * of the machine's words, and the sizes that the regions of the run are laid out by.
 * @param refuse - makes the error for the first value that is wrong
 */
export function checkPlan(value: unknown, machine: Machine, refuse: Refuse): Plan {
  const plan = new Checked(value, 'the plan', refuse);
  const { vcpus, idBits, eventfds, otherThreads, scenarioWords } = machine.config;
  const idLimit = 2 ** idBits;
  const devices = plan.whole('devices', 1, otherThreads - 1);
  const checked: Plan = {
    sources: plan.list('sources', eventfds, (item) => sourceOf(item, { vcpus, devices, idLimit, eventfds })),
    devices,
    vcpus: plan.whole('vcpus', vcpus, vcpus),
    churn: plan.choice('churn', CHURNS),
    seed: plan.whole('seed', 0, 2 ** 31 - 1),
    iterations: plan.whole('iterations', 0, 2 ** 31 - 1),
    spareSpis: plan.range('spareSpis', 1024),
    spareLpis: plan.range('spareLpis', idLimit),
    slices: plan.whole('slices', 0, MOST_SLICES),
    eventBits: plan.list('eventBits', 65_536, (item) => ({
      deviceId: item.whole('deviceId', 0, 2 ** 32 - 1),
      bits: item.whole('bits', 0, 32),
    })),
    collections: plan.list('collections', 512, (item) => item.self(0, 65_535)),
    configTable: plan.whole('configTable', 0, 2 ** 48),
    perturb: plan.choice('perturb', PERTURBATIONS),
    endsAtViolation: plan.whether('endsAtViolation'),
    isBoth: plan.whether('isBoth'),
    sgis: plan.whether('sgis'),
    stampEvery: plan.whole('stampEvery', 1, 2 ** 20),
  };
  if (checked.slices !== 0 && !Number.isInteger(Math.log2(checked.slices)))
    throw refuse(`the plan's slices is ${checked.slices}, no power of two`);
  if (!Number.isInteger(Math.log2(checked.stampEvery ?? 1)))
    throw refuse(`the plan's stampEvery is ${checked.stampEvery}, no power of two`);
  if (stressWords(checked, idLimit) !== scenarioWords)
    throw refuse('the plan needs another number of words than the machine has for its run');
  return checked;
}

type Sizes = { vcpus: number; devices: number; idLimit: number; eventfds: number };

function sourceOf(item: Checked, { vcpus, devices, idLimit, eventfds }: Sizes): Source {
  const intid: Intid = item.whole('intid', 32, idLimit - 1);
  if (intid >= 1020 && intid < FIRST_LPI) throw item.wrong('intid', intid);
  return {
    kind: item.choice('kind', KINDS),
    device: item.whole('device', 0, devices - 1),
    fd: item.whole('fd', 0, eventfds - 1),
    resamplefd: item.whole('resamplefd', -1, eventfds - 1),
    gsi: item.whole('gsi', -1, MAX_IRQ_ROUTES + IRQCHIP_PINS),
    deviceId: item.whole('deviceId', -1, 2 ** 32 - 1),
    eventId: item.whole('eventId', -1, 2 ** 32 - 1),
    intid,
    vcpu: item.whole('vcpu', 0, vcpus - 1),
  };
}

/** A value out of JSON whose fields are taken one by one, each within its range. */
class Checked {
  readonly #value: unknown;
  readonly #name: string;
  readonly #refuse: Refuse;

  constructor(value: unknown, name: string, refuse: Refuse) {
    this.#value = value;
    this.#name = name;
    this.#refuse = refuse;
  }

  wrong(field: string, value: unknown): Error {
    const shown = typeof value === 'number' ? String(value) : `a ${typeof value}`;
    return this.#refuse(`${this.#name} has ${shown} as its ${field}`);
  }

  /** The value itself, as a whole number. */
  self(low: number, high: number): number {
    return this.#within('value', this.#value, low, high);
  }

  whole(field: string, low: number, high: number): number {
    return this.#within(field, this.#field(field), low, high);
  }

  choice<const Word extends string>(field: string, words: readonly Word[]): Word {
    const value = this.#field(field);
    for (const word of words) if (word === value) return word;
    throw this.wrong(field, value);
  }

  whether(field: string): boolean {
    const value = this.#field(field);
    if (typeof value === 'boolean') return value;
    throw this.wrong(field, value);
  }

  range(field: string, limit: number): { readonly first: number; readonly end: number } {
    const range = new Checked(this.#field(field), `${this.#name}'s ${field}`, this.#refuse);
    return { first: range.whole('first', 0, limit), end: range.whole('end', 0, limit) };
  }

  list<T>(field: string, most: number, one: (item: Checked) => T): T[] {
    const value = this.#field(field);
    if (!Array.isArray(value) || value.length > most) throw this.wrong(field, value);
    return value.map((item, index) => one(new Checked(item, `${field}[${index}]`, this.#refuse)));
  }

  #within(field: string, value: unknown, low: number, high: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
    throw this.wrong(field, value);
  }

  #field(name: string): unknown {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    return (value as Fields)[name];
  }
}
