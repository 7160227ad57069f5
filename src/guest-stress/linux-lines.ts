import { isAlarm } from '../boot/alarms.ts';

/** The guest's count of one interrupt, summed over all bindings of its driver. */
export type GuestCount = { readonly device: number; readonly name: string; readonly counted: number };

export type LinuxFigures = {
  readonly ready: boolean;
  readonly done: boolean;
  /** By the interrupt's name: `virtio1-req.0`. */
  readonly counts: readonly GuestCount[];
  readonly misrouted: readonly string[];
  /** Counts by name: `reads rng`, `reads block`, `moves`, `hotplugs`, `rebinds`. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Lines in which the kernel reports a fault. */
  readonly alarms: readonly string[];
};

const COUNT = /^count virtio(\d+)-(\S+) ([\d,]+)$/;
const NUMBER = /^stress: ([a-z ]+) (\d+)$/;

/** Follows the console of the Linux guest of a stress run; see guests/linux/init.c for its lines. */
export class LinuxLines {
  readonly #counts = new Map<string, GuestCount>();
  readonly #misrouted: string[] = [];
  readonly #numbers: Record<string, number> = {};
  readonly #alarms: string[] = [];
  #ready = false;
  #done = false;

  take(line: string): void {
    const count = COUNT.exec(line);
    const number = NUMBER.exec(line);
    if (count) this.#add(Number(count[1]), count[2] ?? '', count[3] ?? '');
    else if (line === 'stress: ready') this.#ready = true;
    else if (line === 'stress: done') this.#done = true;
    else if (line.startsWith('stress: misrouted '))
      this.#misrouted.push(line.slice('stress: misrouted '.length));
    else if (number) this.#numbers[number[1] ?? ''] = Number(number[2]);
    else if (isAlarm(line)) this.#alarms.push(line);
  }

  figures(): LinuxFigures {
    return {
      ready: this.#ready,
      done: this.#done,
      counts: [...this.#counts.values()],
      misrouted: this.#misrouted,
      numbers: this.#numbers,
      alarms: this.#alarms,
    };
  }

  #add(device: number, rest: string, counts: string): void {
    const name = `virtio${device}-${rest}`;
    const sum = counts.split(',').reduce((total, part) => total + Number(part), 0);
    this.#counts.set(name, { device, name, counted: (this.#counts.get(name)?.counted ?? 0) + sum });
  }
}
