import type { Machine } from '../../board/machine.ts';
import { load } from '../../memory/word.ts';
import type { Program } from '../../threads/programs.ts';
import { OwnDevice } from '../own/own-device.ts';
import { deviceLines } from './device-lines.ts';
import { Games } from './games.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { deviceSide } from './signalling.ts';

/**
 * A user's device: calls its `run` until the block has all its signals. Event `n` is the device's line to vCPU `n`, signalled by the
 * block's path.
 * @param module - URL of the device's module
 */
export async function ownSignaller(
  machine: Machine,
  plan: LatencyPlan,
  device: number,
  module: string,
): Promise<Program> {
  const { clock, words, stamps } = machine;
  const { pathAt, countAt } = latencyViews(machine, plan);
  const lines = deviceLines(machine, plan, device);
  const games = new Games(machine, plan);
  const ways = plan.paths.map((path) => deviceSide(machine, plan, path));
  let which = 0;
  let left = 0;

  const settle = (event: number) => {
    const path = plan.paths[which];
    if (path) lines.settle(event, path);
  };
  const user = await OwnDevice.load(module, {
    index: device,
    events: lines.mine.length,
    shared: plan.own.shared,
    signal(event) {
      const [path, way, line] = [plan.paths[which], ways[which], lines.mine[event]];
      if (!path || !way || !line) return;
      // A second signal before the first is handled would merge with it.
      settle(event);
      if (path.waiting === 'parked') lines.awaitSleep(line.vcpu);
      const ns = clock.now();
      way(line);
      const returned = stamps?.on ? clock.now() : ns;
      left--;
      lines.count(event);
      lines.stamp(line, path, ns, returned, 0);
    },
    settle(event) {
      settle(event);
      return true;
    },
    isOver: () => left <= 0,
  });
  return {
    run() {
      which = load(words, pathAt);
      const count = load(words, countAt);
      if (games.isGame(which)) {
        if (device === 0) games.ping(which, count);
        return 0;
      }
      lines.begin();
      left = count;
      user.repeat();
      for (let event = 0; event < lines.mine.length; event++) settle(event);
      return count;
    },
  };
}
