import { FIRST_LPI, FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { type Interrupts, NONE } from './interrupts.ts';

/**
 * Resets every interrupt, and makes all SPIs of the layout exist. Call it before any thread of the machine runs.
 * @param initial - the reset state of an interrupt
 */
export function resetInterrupts(
  interrupts: Interrupts,
  initial: (intid: Intid, vcpu: VcpuId) => number,
): void {
  const put = (vcpu: VcpuId, intid: Intid) => {
    const at = interrupts.find(vcpu, intid);
    const state = initial(intid, vcpu);
    if (at !== NONE) interrupts.amend(at, ~state & interrupts.state(at), state);
  };
  interrupts.resize(interrupts.roomForSpis);
  for (let vcpu: VcpuId = 0; vcpu < interrupts.vcpus; vcpu++) {
    for (let intid: Intid = 0; intid < PRIVATE_INTIDS; intid++) put(vcpu, intid);
  }
  for (let intid: Intid = FIRST_SPI; intid < interrupts.endSpi; intid++) put(0, intid);
  for (let intid: Intid = FIRST_LPI; intid < interrupts.idLimit; intid++) put(0, intid);
}
