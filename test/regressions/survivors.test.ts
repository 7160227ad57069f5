/** Mistakes that once survived every test, each with the smallest test that finds it. */
import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { gicd, gits } from '../../src/arch/registers.ts';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { OUTSIDE } from '../../src/board/vcpu-control.ts';
import type { Scenario } from '../../src/explore/index.ts';
import * as census from '../../src/gic/priority-census.ts';
import * as eventfd from '../../src/memory/eventfd.ts';
import type { Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import { makeRig, turnOn } from '../gic/rig.ts';
import type { MistakeName } from '../guards/index.ts';
import { Board, ITT } from '../its/board.ts';
import { mapMsi, readyVm, takeAll } from '../kvm/vm-rig.ts';
import { loadMutated } from '../mutate.ts';

describe('an LPI that two events map', () => {
  test('stays pending, and is delivered, when one of them is unmapped', () => {
    const ready = readyVm();
    mapMsi(ready, 8, 0, 8192);
    ready.run(
      { name: 'MAPTI', deviceId: 8, eventId: 1, lpi: 8192, collectionId: 0 },
      { name: 'INT', deviceId: 8, eventId: 0 },
      { name: 'DISCARD', deviceId: 8, eventId: 1 },
    );
    expect(takeAll(ready.vm)).toEqual([8192]);
    ready.run({ name: 'INT', deviceId: 8, eventId: 0 });
    expect(takeAll(ready.vm)).toEqual([8192]);
    ready.run({ name: 'DISCARD', deviceId: 8, eventId: 0 }, { name: 'INT', deviceId: 8, eventId: 0 });
    expect(takeAll(ready.vm)).toEqual([]);
  });
});

describe('a target list of SGIs', () => {
  test.each([0, 14, 15])('bit %d reaches its vCPU', (target) => {
    const rig = makeRig({ personality: 'kvm', vcpus: 16 });
    turnOn(rig);
    rig.gic.systemRegisters[0]?.writeSystemRegister('ICC_SGI1R_EL1', (6n << 24n) | (1n << BigInt(target)));
    const pending = rig.gic.redistributors.map((each) => each.read(0x1_0200, 4) & 0x40n);
    expect(pending.flatMap((bits, vcpu) => (bits === 0n ? [] : [vcpu]))).toEqual([target]);
  });
});

describe('a routing table that was in force two tables ago', () => {
  const pin = (gsi: number, to: number) => ({ type: 'irqchip', gsi, irqchip: 0, pin: to }) as const;
  const routing = (...tables: readonly (readonly ReturnType<typeof pin>[])[]) => {
    const machine = Machine.create(DEFAULT_CONFIG);
    for (const routes of tables)
      machine.vm.setGsiRouting(routes as Parameters<typeof machine.vm.setGsiRouting>[0]);
    return machine.vm.routing;
  };

  test('leaves no GSI behind for its pins', () => {
    const [first, second] = [[pin(100, 5)], [pin(100, 6)]];
    expect(routing(first).gsiOfPin(5)).toBe(100);
    const table = routing(first, second, second);
    expect([table.gsiOfPin(5), table.gsiOfPin(6)]).toEqual([-1, 100]);
  });

  test('ends at its last GSI, also where that is the last one there can be', () => {
    const full = [pin(0, 0), pin(4095, 1)];
    for (const table of [routing(full), routing(full, full)]) {
      expect(table.find(4095)).toBeGreaterThan(0);
      expect(table.find(4096)).toBe(-1);
    }
  });
});

describe('a vCPU', () => {
  test('that has left its guest is seen outside', () => {
    const machine = Machine.create(DEFAULT_CONFIG);
    const vcpu = machine.vcpu(0);
    vcpu.kick();
    expect(vcpu.run({ interrupt: () => undefined })).toBe('exit');
    expect(vcpu.control.mode).toBe(OUTSIDE);
  });

  /** Whether a sleeper on the bell of vCPU 0 is woken by `act`. */
  const isRung = (act: (machine: Machine) => void) => {
    const machine = Machine.create(DEFAULT_CONFIG);
    const bell = machine.gic.interrupts.bell(0);
    const ticket = bell.announce();
    act(machine);
    // A ticket that is out of date does not let its holder sleep.
    return bell.park(ticket, 0);
  };

  test('is woken when the distributor begins to forward, and when a priority changes', () => {
    expect(isRung(() => undefined)).toBe(false);
    expect(isRung(({ gic }) => gic.distributor.write(gicd.CTLR, 4, 2n))).toBe(true);
    expect(isRung(({ gic }) => gic.distributor.write(gicd.IPRIORITYR + 32, 1, 0x80n))).toBe(true);
  });
});

describe('the command queue', () => {
  test('moves CREADR past a command when the command has had its effect', () => {
    const board = new Board().boot();
    const int: ItsCommand = { name: 'INT', deviceId: 8, eventId: 0 };
    board.run(
      { name: 'MAPD', deviceId: 8, size: 3, ittAddr: ITT, valid: true },
      { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
      { name: 'MAPTI', deviceId: 8, eventId: 0, lpi: 8192, collectionId: 0 },
    );
    const before = board.its.read(gits.CREADR, 8);
    const seen: bigint[] = [];
    board.lpis.latch = () => void seen.push(board.its.read(gits.CREADR, 8));
    board.run(int);
    expect(seen).toEqual([before]);
    expect(board.its.read(gits.CREADR, 8)).toBe(before + 32n);
  });
});

describe('the census of priorities', () => {
  const region = { at: 0, words: census.PRIORITY_CENSUS_WORDS };
  const story = ({ PriorityCensus }: typeof census): Scenario<Words> => ({
    name: 'enter-against-leave',
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer(4 * region.words));
      new PriorityCensus(words, region).enter(0xa0);
      return words;
    },
    threads: {
      leaves: (words) => new PriorityCensus(words, region).leave(0xa0),
      enters: (words) => new PriorityCensus(words, region).enter(0xa0),
    },
    finally: (words) => expect(new PriorityCensus(words, region).best).toBe(0xa0),
  });

  test('never misses a priority in use, whatever the order', () => {
    expect(passesEvery(story(census)).schedules).toBeGreaterThan(2);
  });

  test('a level that is marked before it is counted misses a priority in use', () => {
    const mistake = 'level-counted-before-mark: marked first';
    const { m } = loadMutated<{ m: typeof census }>({ m: 'gic/priority-census.ts' }, mistake);
    isCaught(story(m), 'assertion');
  });
});

describe('an eventfd that is emptied by one operation', () => {
  const region = { at: 0, words: eventfd.EVENTFD_WORDS };
  const LARGE = 2n ** 30n;
  const mutated = (mistake: MistakeName) =>
    loadMutated<{ m: typeof eventfd }>({ m: 'memory/eventfd.ts' }, mistake).m;
  const setup = ({ EventFd }: typeof eventfd) => {
    const words = new Int32Array(new SharedArrayBuffer(4 * (region.words + 16)));
    new EventFd(words, region).init(5);
    return words;
  };

  const room = (module: typeof eventfd): Scenario<Words> => ({
    name: 'room-for-a-writer',
    setup: () => setup(module),
    threads: {
      writer: (words) => void new module.EventFd(words, region).write(module.EVENTFD_MAX - 2n),
      reader: (words) => expect(new module.EventFd(words, region).tryRead()).toBe(5n),
    },
    finally: (words) => expect(new module.EventFd(words, region).tryRead()).toBe(module.EVENTFD_MAX - 2n),
  });

  test('tells a writer that waits for room, whatever the order', () => {
    expect(passesEvery(room(eventfd)).schedules).toBeGreaterThan(2);
  });

  test('a read of a small count that wakes no writer leaves the writer asleep', () => {
    const module = mutated('read-wakes-writer: nobody woken');
    isCaught(room(module), ['orphan-wait', 'lost-wakeup', 'missed-notify']);
  });

  /** A drained count is gone, also where another thread has locked the eventfd to write a large one. */
  const drained = (module: typeof eventfd): Scenario<Words> => ({
    name: 'drain-against-a-large-write',
    setup: () => setup(module),
    threads: {
      drains: (words) => void new module.EventFd(words, region).drain(),
      writer: (words) => void new module.EventFd(words, region).tryWrite(LARGE),
    },
    finally: (words) => expect([0n, LARGE]).toContain(new module.EventFd(words, region).tryRead()),
  });

  test('is drained once, whatever the order', () => {
    expect(passesEvery(drained(eventfd)).schedules).toBeGreaterThan(1);
  });

  test('a drain in two steps, a load and a store, leaves a wrong count', () => {
    const module = mutated('drain-takes-in-one-step: in two steps');
    isCaught(drained(module), 'assertion');
  });
});
