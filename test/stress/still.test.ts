import { beforeEach, describe, expect, test } from 'vitest';
import { HALTED } from '../../src/board/vcpu-control.ts';
import { LATCH } from '../../src/gic/state.ts';
import { GicDriver, ItsDrivers } from '../../src/guest/index.ts';
import { DriverContext } from '../../src/stress/driver/context.ts';
import { StillPhases } from '../../src/stress/driver/still.ts';
import { buildStress } from '../../src/stress/stress-build.ts';
import { driverParts } from '../../src/stress/stress-driver.ts';

/** No vCPU runs, so no signal here is ever delivered. */
describe('a still phase', () => {
  let context: DriverContext;
  let phases: StillPhases;

  beforeEach(() => {
    const { machine, plan } = buildStress({
      input: { vcpus: 2, devices: 2, events: 1 },
      spis: 0,
      seconds: 1,
      iterations: 0,
      churn: 'heavy',
      dispatch: 'inline',
      seed: 1,
      fault: 'none',
    });
    const { bus, memory, config } = machine;
    const its = new ItsDrivers(bus, memory, config);
    const gic = new GicDriver(bus, config);
    context = new DriverContext(machine, plan, { its, gic, userland: driverParts(machine, plan).userland });
    phases = new StillPhases(context);
    for (let device = 0; device < 2; device++) context.views.still.keep(device, true);
  });

  const signal = (source: number) => context.views.proof.beginSignal(source, context.machine.clock);
  const found = () =>
    context.views.proof.violations().map(({ kind, source, intid, vcpu }) => [kind, source, intid, vcpu]);

  test('a still phase ends at once, and finds no violation, where every signal was delivered', () => {
    signal(0);
    context.views.proof.deliver(0, 8192, 0, 0);
    phases.run();
    expect(found()).toEqual([]);
    expect(context.views.still.figures).toMatchObject({ phases: 1 });
    expect(context.views.still.isWanted).toBe(false);
  });

  test('a pending signal that no vCPU takes is stranded; a signal that is pending nowhere is lost', () => {
    signal(0);
    signal(1);
    context.its.send({ name: 'INT', deviceId: 16, eventId: 0 });
    phases.run();
    expect(found()).toEqual([
      ['lost', 0, 8192, 0],
      ['stranded', 1, 8193, 1],
    ]);
  });

  test('a violation is found in one phase only, until the source was delivered again', () => {
    signal(0);
    phases.run();
    phases.run();
    expect(found()).toHaveLength(1);
    context.views.proof.deliver(0, 8192, 0, 0);
    signal(0);
    phases.run();
    expect(found()).toHaveLength(2);
  });

  test('a still phase finds an SGI that no vCPU took', () => {
    context.views.sgis.beginSignal(1, context.machine.clock);
    phases.run();
    expect(found()).toEqual([['lost', -1, 0, 1]]);
  });

  test('a still phase finds a pending LPI that no event maps, once', () => {
    const { machine, plan, spareLpis } = context;
    // As vCPUs that sleep: none of them runs here.
    for (let vcpu = 0; vcpu < plan.vcpus; vcpu++) machine.control(vcpu).mode = HALTED;
    phases.run();
    expect(found()).toEqual([]);
    const [lpi = 0] = spareLpis;
    machine.gic.lpis.latch(lpi);
    phases.run();
    phases.run();
    expect(found()).toEqual([['spurious', -1, lpi, -1]]);
  });

  test('a still phase allows for an SGI that the driver made pending and that its vCPU takes afterwards', () => {
    const { machine, plan, views, gic } = context;
    for (let vcpu = 0; vcpu < plan.vcpus; vcpu++) machine.control(vcpu).mode = HALTED;
    views.sgis.raise(1);
    gic.setSgisPending(1, 1);
    phases.run();
    views.sgis.deliver(1, 0, 1, 0);
    expect(views.sgis.violations()).toEqual([]);
    // Not so the second one: the phase after the first has taken stock.
    machine.gic.interrupts.change(machine.gic.interrupts.find(1, 0), 0, LATCH, 0);
    phases.run();
    views.sgis.deliver(1, 0, 1, 0);
    expect(views.sgis.violations()).toMatchObject([{ kind: 'spurious', source: 1, intid: 0, vcpu: 1 }]);
  });

  test('the bound of a still phase grows with the slowest wake-up of the run', () => {
    context.slowestWakeMs = 500;
    phases.run();
    expect(context.views.still.figures.boundMs).toBeGreaterThanOrEqual(2_000);
  });
});
