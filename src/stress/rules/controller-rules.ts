import { GICR_STRIDE } from '../../arch/frames.ts';
import type { VcpuId } from '../../arch/intid.ts';
import { gicr } from '../../arch/registers.ts';
import { sgiTo } from '../../gic/sgi.ts';
import { IRQ_TYPE_PPI, packIrqLine } from '../../kvm/vgic/irq-line.ts';
import { SGIS, sgiOf } from '../stress-plan.ts';
import type { AtRest, Rule } from './at-rest.ts';

/** A PPI that no guest of a run uses. */
const SPARE_PPI = 21;
const SGI_MS = 3_000;

/** Sends an SGI for `sender`, and sees that each vCPU of `targets` takes one, and no other vCPU any. */
function sends(
  rest: AtRest,
  sender: VcpuId,
  register: SgiName,
  value: bigint,
  targets: readonly VcpuId[],
): void {
  const { views, machine, plan } = rest.context;
  const { sgis } = views;
  const pairs = Array.from({ length: plan.vcpus }, (_, vcpu) => sender * plan.vcpus + vcpu);
  const before = pairs.map((pair) => sgis.deliveries(pair));
  const sentBefore = pairs.map((pair) => sgis.sent(pair));
  for (const vcpu of targets) sgis.raise(sender * plan.vcpus + vcpu);
  machine.gic.systemRegisters[sender]?.writeSystemRegister(register, value);
  const came = () => pairs.map((pair, vcpu) => (sgis.deliveries(pair) - (before[vcpu] ?? 0)) | 0);
  rest.context.until(() => targets.every((vcpu) => came()[vcpu] !== 0), SGI_MS);
  rest.settle();
  came().forEach((count, vcpu) => {
    const wanted = targets.includes(vcpu) ? 1 : 0;
    // A handler may have sent one by itself meanwhile.
    if (sgis.sent(pairs[vcpu] ?? 0) !== sentBefore[vcpu]) return;
    rest.expect(
      count === wanted,
      `${register} of vCPU ${sender}: vCPU ${vcpu} took ${count} SGIs, not ${wanted}`,
    );
  });
}

type SgiName = 'ICC_SGI1R_EL1' | 'ICC_ASGI1R_EL1' | 'ICC_SGI0R_EL1';

const sgi = (name: string, look: (rest: AtRest, sender: VcpuId, target: VcpuId) => void): Rule => ({
  name,
  look: (rest) => {
    const { plan, chance } = rest.context;
    if (!plan.sgis) return false;
    look(rest, chance.below(plan.vcpus), chance.below(plan.vcpus));
    return true;
  },
});

const SGI_RULES: readonly Rule[] = [
  sgi('an SGI reaches the vCPUs of its list, each once', (rest, sender, target) => {
    const { chance, plan } = rest.context;
    const cluster = Array.from({ length: Math.min(SGIS, plan.vcpus) }, (_, vcpu) => vcpu);
    const targets = chance.below(2) === 0 ? [target] : cluster;
    sends(rest, sender, 'ICC_SGI1R_EL1', sgiTo(sgiOf(sender), targets), targets);
  }),
  sgi('an SGI to all others reaches them, and not its sender', (rest, sender) => {
    const others = Array.from({ length: rest.context.plan.vcpus }, (_, vcpu) => vcpu).filter(
      (vcpu) => vcpu !== sender,
    );
    sends(rest, sender, 'ICC_SGI1R_EL1', sgiTo(sgiOf(sender), 'others'), others);
  }),
  sgi('an SGI to a vCPU that does not exist is ignored', (rest, sender) => {
    sends(rest, sender, 'ICC_SGI1R_EL1', sgiTo(sgiOf(sender), [0]) | (0xabn << 32n), []);
  }),
  sgi('an SGI of group 0 does not reach an SGI in group 1', (rest, sender, target) => {
    sends(rest, sender, 'ICC_SGI0R_EL1', sgiTo(sgiOf(sender), [target]), []);
    sends(rest, sender, 'ICC_ASGI1R_EL1', sgiTo(sgiOf(sender), [target]), []);
  }),
  sgi('a disabled SGI waits for its enable, and ICPENDR0 clears the SGI', (rest, sender, target) => {
    const { machine, views, plan } = rest.context;
    const frame = machine.config.gicrBase + target * GICR_STRIDE;
    const bit = 1n << BigInt(sender);
    machine.bus.write(frame + gicr.ICENABLER0, 4, bit);
    const pending = () => (machine.bus.read(frame + gicr.ISPENDR0, 4) & bit) !== 0n;
    const value = sgiTo(sgiOf(sender), [target]);
    sends(rest, sender, 'ICC_SGI1R_EL1', value, []);
    rest.expect(pending(), `SGI ${sender} of vCPU ${target} is disabled, was sent, and is not pending`);
    machine.bus.write(frame + gicr.ICPENDR0, 4, bit);
    rest.expect(!pending(), `SGI ${sender} of vCPU ${target} is pending after ICPENDR0`);
    sends(rest, sender, 'ICC_SGI1R_EL1', value, []);
    const pair = sender * plan.vcpus + target;
    const before = views.sgis.deliveries(pair);
    views.sgis.raise(pair);
    machine.bus.write(frame + gicr.ISENABLER0, 4, bit);
    rest.context.until(() => views.sgis.deliveries(pair) !== before, SGI_MS);
    rest.expect(
      views.sgis.deliveries(pair) !== before,
      `SGI ${sender} of vCPU ${target} was pending and enabled, and did not come`,
    );
  }),
];

export const CONTROLLER_RULES: readonly Rule[] = [
  ...SGI_RULES,
  {
    name: 'no interrupt comes while the distributor is off',
    look: (rest) => {
      const chosen = rest.choose('edge') ?? rest.choose('msi');
      if (!chosen) return false;
      const { gic } = rest.context;
      gic.disable();
      rest.stays(chosen, true, () => rest.signal(chosen), 'the distributor is off');
      // KVM holds back the pending interrupts when the guest turns the distributor on, until their next signal.
      const again = () => {
        gic.enable();
        if (!rest.context.machine.gic.personality.requeues) rest.signal(chosen);
      };
      rest.arrives(chosen, again, 'the distributor is on again');
      return true;
    },
  },
  {
    name: 'a PPI follows its line',
    look: (rest) => {
      const { machine, plan, chance } = rest.context;
      if (machine.vm.design.name !== 'merged') return false;
      const vcpu: VcpuId = chance.below(plan.vcpus);
      const irq = packIrqLine({ type: IRQ_TYPE_PPI, vcpu, intid: SPARE_PPI });
      const frame = machine.config.gicrBase + vcpu * GICR_STRIDE;
      const pending = () => ((machine.bus.read(frame + gicr.ISPENDR0, 4) >> BigInt(SPARE_PPI)) & 1n) === 1n;
      for (const level of [true, false]) {
        machine.vm.irqLine(irq, level);
        rest.expect(
          pending() === level,
          `PPI ${SPARE_PPI} of vCPU ${vcpu}: its line is ${level ? 'high' : 'low'}, and ISPENDR0 reads ${pending()}`,
        );
      }
      return true;
    },
  },
];
