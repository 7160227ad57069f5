import { attachVm, createVm } from '../board/create-vm.ts';
import { VGIC_V3 } from '../kvm/vgic/vgic-state.ts';
import type { KvmVm, VmAttachment } from '../kvm-abi/kvm-vm.ts';
import { load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireReady } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ ready: 1, device: 1, missed: 1 });
const SPIS = 32;
const GSI = 8;

const views = new WeakMap<SharedArrayBuffer, KvmVm[]>();

/** A thread's view of the VM, made once. */
function vmOf(attachment: VmAttachment, thread: number): KvmVm {
  const known = views.get(attachment.buffer) ?? [];
  views.set(attachment.buffer, known);
  known[thread] ??= attachVm(attachment, thread);
  return known[thread];
}

export const readyFlagTooEarly = defineRace<Words, VmAttachment>({
  number: 27,
  slug: 'ready-flag-too-early',
  title: '"ready" can be seen before the device is',
  component: 'vGIC initialisation',
  symptom: 'access to an unregistered device',
  oracle: 'O12',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'initialiser:ready ! vcpu:fast-path vcpu:access | initialiser:register',
  steps: {
    'initialiser:ready': ['store ready', 'store routing.current'],
    'vcpu:fast-path': ['load ready', 'load kvm.vgic'],
    'vcpu:access': ['rest', 'rest'],
    'initialiser:register': ['store device', 'store kvm.vgic'],
  },
  reference:
    'Linux 78a005555500, "KVM: arm64: Ensure vgic_ready() is ordered against MMIO registration" (known by its subject, not read).',
  story:
    'The initialiser sets the flag that says "ready", and then registers the device. In between a vCPU sees the flag, takes the fast path, and accesses a device that is not there yet.',
  fix: "the machine's initVgic(): the flag is stored last",
  lesson: 'Publish last. The same goes for routes, tables of devices, and threads that start.',
  buggy: {
    ...memory(),
    threads: {
      initialiser(words) {
        store(words, at.ready, 1);
        store(words, at.device, 1);
      },
      vcpu(words) {
        if (load(words, at.ready) !== 0 && load(words, at.device) === 0) store(words, at.missed, 1);
      },
    },
    finally(words) {
      requireReady(load(words, at.missed) === 0, 'the distributor');
    },
  },
  fixed: {
    setup() {
      const vm = createVm({ idBits: 14, eventfds: 2, devices: 1, events: 1, threads: 2, memory: [] });
      vm.createDevice({ type: VGIC_V3, flags: 0 });
      vm.gic.interrupts.resize(SPIS);
      return vm.attachment;
    },
    threads: {
      initialiser: (attachment) => vmOf(attachment, 0).vm.initVgic(),
      vcpu(attachment) {
        const { vm } = vmOf(attachment, 1);
        if (!vm.vgic.initialised) return;
        vm.readers.enter(1);
        const routed = vm.routing.find(GSI) >= 0;
        vm.readers.leave(1);
        requireReady(routed && vm.vgic.spis === SPIS, 'the routing table that the kernel fills');
      },
    },
    names(buffer, byteOffset) {
      const vm = views.get(buffer)?.find((view) => view !== undefined);
      return vm?.board.layout.nameOf(byteOffset / 4);
    },
  },
});
