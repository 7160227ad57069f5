import { FIRST_LPI, FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { type Interrupts, NONE } from './interrupts.ts';

/**
 * Puts every interrupt into its reset state; all SPIs that there is room for exist then. Before any thread of the machine runs.
 * @param initial - the state of one
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
