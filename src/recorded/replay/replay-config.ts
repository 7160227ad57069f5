import { IrqError } from '../../base/irq-error.ts';
import type { MachineConfig } from '../../board/config.ts';
import { recordedConfig } from '../trace/guest-boot.ts';
import type { GuestTrace } from '../trace/guest-trace.ts';

/** The machine for a replay: {@link recordedConfig} with room for every mapping of the guest. */
export function replayConfig(trace: GuestTrace): MachineConfig {
  const { spis } = trace.header;
  if (spis !== 988 && (spis % 32 !== 0 || spis < 32)) {
    throw new IrqError(
      'ERR_TRACE_FORMAT',
      `${trace.file}:1: spis is ${spis}; expected a multiple of 32 from 32 to 960, or 988`,
    );
  }
  const devices = new Set<number>();
  const events = new Set<number>();
  for (const event of trace.events) {
    if (event.op !== 'command') continue;
    const { command } = event;
    if (command.name === 'MAPD') devices.add(command.deviceId);
    if (command.name === 'MAPTI' || command.name === 'MAPI')
      events.add(command.deviceId * 2 ** 32 + command.eventId);
  }
  return {
    ...recordedConfig(trace),
    devices: Math.min(65_535, Math.max(16, devices.size)),
    events: Math.min(65_535, Math.max(64, events.size)),
  };
}
