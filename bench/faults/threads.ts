import { type Cell, expectEnd, irqloom } from './cell.ts';

const PRELOAD = new URL('./preload.js', import.meta.url).href;

/** A command, and its threads: by kind, the part of a stack that only such a thread has, and its name in an error. */
type Threaded = {
  readonly name: string;
  readonly args: readonly string[];
  readonly threads: Readonly<Record<string, { readonly stack: string; readonly named: RegExp }>>;
};

const VCPU = /vcpu\d/;
const DEVICE = /device\d/;

const COMMANDS: readonly Threaded[] = [
  {
    name: 'stress',
    args: ['stress', '-v', '2', '-d', '2', '-e', '2', '-s', '2', '--dispatch', 'main'],
    threads: {
      vcpu: { stack: 'stress-guest\\.js', named: VCPU },
      device: { stack: 'stress-device\\.js', named: DEVICE },
      driver: { stack: 'stress-driver\\.js', named: /driver/ },
      main: { stack: 'dispatcher\\.js', named: /main thread/ },
    },
  },
  {
    name: 'bare',
    args: ['stress', '--guest', 'bare', '-s', '2'],
    threads: {
      vcpu: { stack: 'guest-stress/vcpu\\.js|vcpu-loop\\.js', named: VCPU },
      device: { stack: 'stress-device\\.js', named: DEVICE },
    },
  },
  {
    name: 'latency',
    args: ['latency', '-n', '300', '--boots', '1', '-s', '4', '--source', 'irqfd'],
    threads: {
      vcpu: { stack: 'latency-guest\\.js', named: VCPU },
      device: { stack: 'latency-device\\.js|signaller\\.js|signalling\\.js', named: DEVICE },
      main: { stack: 'dispatcher\\.js', named: /main thread/ },
    },
  },
  {
    name: 'scale',
    args: ['scale', '-v', '1', '-d', '1', '-l', '16', '-s', '1'],
    threads: {
      vcpu: { stack: 'vcpu-thread\\.js', named: VCPU },
      device: { stack: 'program-thread\\.js', named: DEVICE },
    },
  },
  {
    name: 'compare',
    args: ['compare', '--abi', 'merged', '-s', '2'],
    threads: {
      vcpu: { stack: 'vcpu-thread\\.js', named: VCPU },
      device: { stack: 'debate-device\\.js', named: DEVICE },
    },
  },
  {
    name: 'replay-guest',
    args: ['replay-guest', 'data/guests/linux-2cpu-virtio.jsonl.gz', '--threads', '--runs', '1'],
    threads: {
      vcpu: { stack: 'script-guest\\.js', named: VCPU },
      device: { stack: 'script-device\\.js', named: DEVICE },
    },
  },
  {
    name: 'guests',
    args: ['guests', 'ipi-self', 'its-trigger'],
    threads: { vcpu: { stack: 'guest-thread\\.js', named: VCPU } },
  },
  {
    name: 'boot',
    args: ['boot', 'guests/bare/bare.bin', '--limit-seconds', '3'],
    threads: { vcpu: { stack: 'vcpu-loop\\.js|boot/threads\\.js', named: VCPU } },
  },
];

const FAULTS = ['throw', 'exit', 'oom', 'loop', 'wait'] as const;

/** A thread's share of the heap in a cell where the thread runs out of memory, MiB: enough for every command, soon full. */
const SMALL_HEAP = '--max-old-space-size=128';

/** The longest waits of a command: for a thread to answer, for devices to stop, and then for the thread's end by force. */
const BOUND = 75;

/** Each kind of thread of each command, in each way to go wrong. */
export function threadCells(): Cell[] {
  return COMMANDS.flatMap(({ name, args, threads }) =>
    Object.entries(threads).flatMap(([kind, { stack, named }]) =>
      FAULTS.filter((fault) => kind !== 'main' || fault === 'throw' || fault === 'exit').map(
        (fault): Cell => {
          const heap = fault === 'oom' ? ` ${SMALL_HEAP}` : '';
          const env = {
            NODE_OPTIONS: `--import ${PRELOAD}${heap}`,
            ...{ FAULT: fault, FAULT_STACK: stack, FAULT_AFTER: '500' },
          };
          return {
            name: `${name}/${kind}/${fault}`,
            bound: BOUND,
            run: (bound) => irqloom(args, bound, { env }),
            judge: (ended) =>
              ended.stderr.includes('fault: here')
                ? expectEnd({ status: [3], stderr: kind === 'main' ? /irqloom: / : named })(ended)
                : 'the fault did not come: no thread with such a stack',
          };
        },
      ),
    ),
  );
}
