import {
  always,
  at,
  drop,
  instead,
  never,
  toBefore,
  toBehind,
  value,
  withoutFirst,
  withoutLast,
} from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of `src/gic`: the states of interrupts, the lists of vCPUs, the registers. */
export const GIC = {
  'source-before-latch': {
    rule: 'A sender of a GICv2 sets its source before the latch of the SGI.',
    mistakes: { 'latched first': toBehind('latch-after-source') },
  },
  'latch-after-source': {
    rule: 'A sender of a GICv2 latches the SGI.',
    mistakes: {},
  },
  'withdrawal-looks-again': {
    rule: 'A withdrawal that has cleared the latch looks for a source that came meanwhile.',
    mistakes: { 'no look': drop },
  },
  'next-source-is-latched': {
    rule: 'A take that leaves sources latches the SGI again.',
    mistakes: { 'not latched': drop },
  },
  'latch-needs-source': {
    rule: 'A latch without a source is no interrupt.',
    mistakes: { 'taken all the same': never },
  },
  'source-claimed-in-one-step': {
    rule: 'A take claims a source in one step.',
    mistakes: {
      'in two steps': instead(`{
        store(this.#words, at, left | (lowestBit(sources) << ACTIVE_SHIFT));
        return left;
      }`),
    },
  },
  'latch-is-one-step': {
    rule: 'A latch is set in one step, and the state that is listed is the one that this step found.',
    mistakes: {
      'in two steps': instead(`const before = load(this.words, at);
    store(this.words, at, before | LATCH);`),
      'of a state from before': instead(`const old = load(this.words, at);
    const after = looks ? setBits(this.words, at, LATCH) : or(this.words, at, LATCH);
    const before = (old & ~LATCH) | (after & LATCH);`),
    },
  },
  'latch-lists-interrupt': {
    rule: 'The producer that latches an interrupt lists the interrupt.',
    mistakes: { 'every second one': value('$ && (intid & 1) === 0') },
  },
  'edge-ignores-fall': {
    rule: 'An edge is latched when its wire rises, not when the wire falls.',
    mistakes: { 'latches both': always },
  },
  'level-follows-wire-down': {
    rule: 'The line of a level falls with its wire.',
    mistakes: { 'stays up': value('level ? state | LINE : state') },
  },
  'risen-line-is-listed': {
    rule: 'A line that rises is listed.',
    mistakes: { 'not listed': drop },
  },
  'change-lists-deliverable': {
    rule: 'A change of state lists the interrupt that the change makes deliverable.',
    mistakes: { 'not listed': drop },
  },
  'change-is-one-step': {
    rule: 'A state changes in one step.',
    mistakes: {
      'in two steps': instead(`store(this.words, at, after);
      const won = true;`),
    },
  },
  'interrupt-is-appended': {
    rule: 'A producer appends the interrupt to the list of its vCPU.',
    mistakes: {},
  },
  'ring-after-list': {
    rule: 'A producer rings the vCPU after it has listed the interrupt.',
    mistakes: { 'no ring': drop, 'rings first': toBefore('interrupt-is-appended') },
  },
  'append-ends-lone-note': {
    rule: 'A producer that has appended an interrupt ends the note of a lone interrupt once more.',
    mistakes: { 'not ended': drop },
  },
  'latched-lone-interrupt-is-listed': {
    rule: 'An interrupt that is alone no longer is listed where it is latched.',
    mistakes: { 'not listed': drop },
  },
  'lone-active-keeps-place': {
    rule: 'An active interrupt that is alone no longer has its place before the interrupt that came.',
    mistakes: { 'no place': drop },
  },
  'ring-signals-bell': {
    rule: 'A ring signals the bell of the vCPU.',
    mistakes: { 'no signal': drop },
  },
  'lone-interrupt-has-target': {
    rule: 'A lone interrupt that has moved is not found.',
    mistakes: { 'not looked at': withoutFirst },
  },
  'lone-interrupt-is-found': {
    rule: 'A search finds the lone interrupt that is deliverable.',
    mistakes: { 'passed over': instead('return NONE;') },
  },
  'taken-lpi-leaves-list-first': {
    rule: 'A vCPU takes an LPI off its list before the swap that acknowledges.',
    mistakes: {
      'leaves behind the swap': [
        drop,
        at('taken-orphan-is-buried', instead('if (isLpi) this.#drop(list, intid);\n      $')),
      ],
    },
  },
  'take-is-as-decided': {
    rule: 'A vCPU takes an interrupt only in the priority and the group on which the acknowledge decided.',
    mistakes: { 'in any': value('true') },
  },
  'take-looks-at-target': {
    rule: 'A vCPU takes only interrupts whose target is that vCPU.',
    mistakes: { 'any target': withoutLast },
  },
  'take-passes-on-moved': {
    rule: 'A vCPU passes on an interrupt that has moved to another vCPU meanwhile.',
    mistakes: { 'left where it is': drop },
  },
  'take-is-one-step': {
    rule: 'An acknowledge clears the latch in one step.',
    mistakes: {
      'in two steps': instead('store(this.words, at, taken(before, isLpi, this.#keepsLevelLatch));'),
    },
  },
  'taken-orphan-is-buried': {
    rule: 'An LPI without a mapping ends when it is taken.',
    mistakes: {},
  },
  'orphan-ends-by-its-state': {
    rule: 'An LPI ends by what its state is now: one that is mapped again lives on.',
    mistakes: {
      'as it was': instead(
        'store(this.words, at, (seen & ~alive) | TARGET);\n    if ((seen & ENABLED) !== 0) this.#census.leave(priorityOf(seen));',
      ),
    },
  },
  'second-take-is-one-step': {
    rule: 'The second acknowledge in a row clears the latch in one step.',
    mistakes: {
      'in two steps': instead('store(this.words, at, taken(seen, isLpi, this.#keepsLevelLatch));'),
    },
  },
  'unkept-lpi-is-listed': {
    rule: 'An LPI that cannot be kept alone is listed where it was latched meanwhile.',
    mistakes: { 'not listed': drop },
  },
  'end-is-one-step': {
    rule: 'The end of an interrupt is one step.',
    mistakes: { 'in two steps': instead('store(this.words, at, after);') },
  },
  'end-lists-next': {
    rule: 'The end of an interrupt lists the interrupt where a signal came while the interrupt was active.',
    mistakes: {
      'not listed': drop,
      'not listed, nor kept in place': [drop, at('active-spi-keeps-place', drop)],
    },
  },
  'watched-end-is-told': {
    rule: 'The end of a watched level is noted.',
    mistakes: {
      'not noted': drop,
      'of edges, and of few': value('intid > 280 && this.acks.isWatched(intid) && (before & EDGE) !== 0'),
    },
  },

  'ring-buffer-size': {
    rule: 'The list of a vCPU has 4,096 slots at most; an interrupt without a slot is found by its bit.',
    mistakes: {},
    variants: { 'two slots': value('2') },
  },
  'walked-list-length': {
    rule: 'A list of more than 16 slots has queues by priority.',
    mistakes: {},
    variants: { 'one slot': value('1'), all: value('100_000') },
  },
  'resort-before-index': {
    rule: 'The queues are made anew where an interrupt has another priority.',
    mistakes: { 'kept as they are': drop },
  },
  'new-priority-resorts': {
    rule: 'A thread that changes the priority of an interrupt says so to the list of its target.',
    mistakes: { 'not said': drop },
  },
  'thin-list-limit': {
    rule: 'A list is compacted when more than 32 of its slots have lost their interrupts.',
    mistakes: {},
    variants: { 'at once': value('0') },
  },
  'compaction-spares-writers': {
    rule: 'A list is not compacted while a producer has a slot and has not written there yet.',
    mistakes: { 'moves others over it': drop },
  },
  'full-ring-says-so': {
    rule: 'A producer that finds no slot says that the bits have to be searched.',
    mistakes: { 'not said': drop },
  },
  'one-producer-a-slot': {
    rule: 'A slot belongs to one producer.',
    mistakes: { 'to two': instead('store(words, this.#tail + END, (end + 1) | 0);') },
  },
  'producer-ends-lone-note': {
    rule: 'A producer of another interrupt takes the note of the lone interrupt away.',
    mistakes: { 'left there': always },
  },
  'one-thread-takes-lone-note': {
    rule: 'The note of the lone interrupt is taken away by one thread.',
    mistakes: {
      'by two': instead(`store(this.#words, this.#alone, 0);
    return alone;`),
    },
  },
  'bits-are-searched-on': {
    rule: 'As long as a bit is set, the bits are searched.',
    mistakes: { 'only once': drop },
  },
  'lone-note-before-look': {
    rule: 'The note of a lone interrupt is written before the look at the end of the list.',
    mistakes: {
      'after the look': [
        drop,
        at(
          'lone-interrupt-stands-alone',
          instead(`if (this.#isOnly(position)) {
      store(this.#words, this.#alone, intid + 1);
      this.drop(position, intid);
      return true;
    }
    store(this.#words, this.#alone, intid + 1);`),
        ),
      ],
    },
  },
  'lone-interrupt-stands-alone': {
    rule: 'An interrupt is kept alone only where nothing else is listed.',
    mistakes: { 'beside others': always },
  },

  'walk-finds-most-urgent': {
    rule: 'A walk finds the most urgent priority.',
    mistakes: { 'the least urgent': value('priority < bestPriority && bestPriority !== LOWEST') },
  },
  'census-ends-walk': {
    rule: 'A walk ends early only at the best priority in use.',
    mistakes: { 'not asked': withoutLast },
  },
  'walk-looks-at-target': {
    rule: 'A walk passes over interrupts of another target.',
    mistakes: { 'any target': withoutFirst },
  },
  'active-spi-keeps-place': {
    rule: 'An active SPI keeps its place on the list.',
    mistakes: {},
  },
  'unlisted-before-second-look': {
    rule: 'An interrupt is taken off the list before the second look at its state.',
    mistakes: { 'looks first': toBehind('second-look-at-unlisted') },
  },
  'second-look-at-unlisted': {
    rule: 'The state of an interrupt that was taken off the list is read again.',
    mistakes: {},
  },
  'unlisted-is-passed-on': {
    rule: 'An interrupt that was taken off the list and is deliverable is listed again.',
    mistakes: {
      dropped: instead('if (!isDeliverable(state)) this.#owner.bury(at, state);'),
      'dropped, and a change lists nothing': [
        instead('if (!isDeliverable(state)) this.#owner.bury(at, state);'),
        at('change-lists-deliverable', drop),
      ],
    },
  },

  'end-noted-before-flag': {
    rule: 'The end of a level is noted before the flag is set.',
    mistakes: { 'behind the flag': toBehind('end-sets-flag') },
  },
  'end-sets-flag': {
    rule: 'The flag says that ends are noted.',
    mistakes: {},
  },
  'taker-leaves-flag-set': {
    rule: 'A taker of one end sets the flag again for the ends that are left.',
    mistakes: { 'left clear': drop },
  },

  'level-counted-before-mark': {
    rule: 'A priority level is counted before its mark is set.',
    mistakes: { 'marked first': toBehind('used-level-is-marked') },
  },
  'used-level-is-marked': {
    rule: 'A priority level in use is marked.',
    mistakes: {},
  },
  'cleared-level-is-checked': {
    rule: 'A priority level is looked at again after its mark is cleared.',
    mistakes: { 'no look': drop },
  },

  'acknowledge-takes-its-group': {
    rule: 'An acknowledge takes the group of its register.',
    mistakes: { 'any group': withoutFirst },
  },
  'acknowledge-raises-priority': {
    rule: 'An acknowledge raises the running priority.',
    mistakes: { 'not raised': drop },
  },
  'eoi-leaves-active': {
    rule: 'An EOI in EOImode 1 leaves the interrupt active.',
    mistakes: { 'ends it': withoutLast },
  },
  'dir-ends-interrupt': {
    rule: 'DIR ends an interrupt in EOImode 1.',
    mistakes: { 'in EOImode 0': value('(this.#get(CTLR) & EOIMODE) !== 0 || isSpecial(intid)') },
  },
  'disabled-group-waits': {
    rule: 'An interrupt of a disabled group waits.',
    mistakes: { signalled: value('this.#interrupts.forwarding') },
  },
  'only-urgent-is-signalled': {
    rule: 'An interrupt is signalled where its priority is above the mask, and more urgent than the running one.',
    mistakes: { 'below the mask': withoutFirst, 'less urgent': withoutLast },
  },
  'eoi-drops-priority': {
    rule: 'An EOI drops the running priority.',
    mistakes: { 'not dropped': never },
  },

  'deliverable-is-taken': {
    rule: 'An interrupt is taken where it is enabled and not active, and latched or its line is high.',
    mistakes: {
      'active too': value('(state & ENABLED) !== 0 && ((state & LATCH) !== 0 || (state & WIRE) === LINE)'),
      'disabled too': value('(state & ACTIVE) === 0 && ((state & LATCH) !== 0 || (state & WIRE) === LINE)'),
      'not for its line': value('(state & PERMIT) === ENABLED && (state & LATCH) !== 0'),
    },
  },
  'acknowledge-takes-latch': {
    rule: 'An acknowledge takes the latch, and makes an SPI active.',
    mistakes: {
      'leaves the latch': value(
        '((state & EDGE) === 0 && keepsLevelLatch ? state : state & ~UNQUEUED) | ACTIVE',
      ),
      'not active': withoutLast,
    },
  },

  'sgi-intid-bits': {
    rule: 'The INTID of an SGI is in bits 27:24.',
    mistakes: { 'in bits 28:25': value('(low >>> 25) & 0xf') },
  },
  'sgi-group-is-checked': {
    rule: 'An SGI of group 0 does not reach group 1.',
    mistakes: { 'reaches both': value("register === 'SGI1R' ? anyGroup || inGroup1 : true") },
  },
  'sgi-spares-sender': {
    rule: 'An SGI to all others spares its sender.',
    mistakes: {
      'reaches the sender': instead(
        'for (let target = 0; target < interrupts.vcpus; target++) raise(target);',
      ),
    },
  },
  'sgi-target-list': {
    rule: 'A list of targets has 16 bits.',
    mistakes: { 'one bit': value('bit < 1') },
  },

  'clear-takes-pending': {
    rule: 'CLEAR takes the pending state of an LPI away.',
    mistakes: { 'leaves the state': drop },
  },
  'unmap-takes-lock': {
    rule: 'The last mapping of an LPI ends under the lock.',
    mistakes: { 'tries it only': instead('this.#lock.tryLock();') },
  },
  'lpi-lives-while-mapped': {
    rule: 'An LPI lives as long as an event maps it.',
    mistakes: { 'ends with the first': instead('add(this.#words, this.#mappings + lpi, -1);') },
  },
  'lpi-byte-configures': {
    rule: 'The byte of its configuration enables or disables an LPI, and says its priority.',
    mistakes: {
      'never disables': instead(
        'this.#interrupts.change(this.#at(lpi), lpi, PRIORITY & ~priority, enable | priority);',
      ),
      'priority 0': instead(
        'this.#interrupts.change(this.#at(lpi), lpi, (ENABLED & ~enable) | (PRIORITY & ~priority), enable);',
      ),
    },
  },
  'pending-lpi-is-saved': {
    rule: 'A pending LPI is saved in the table of its vCPU.',
    mistakes: {
      'saved as idle': instead('if (target !== NO_TARGET) this.#tables.storePending(lpi, target, false);'),
    },
  },

  'active-ends-in-one-step': {
    rule: 'ICACTIVER ends an interrupt in one step.',
    mistakes: { 'in two steps': instead('interrupts.amend(at, ~after, after);') },
  },

  'igroupr-gives-group': {
    rule: 'IGROUPR gives a group.',
    mistakes: { 'group 1 always': instead('interrupts.change(at, intid, 0, GROUP1);') },
  },
  'isenabler-lists-pending': {
    rule: 'ISENABLER lists a pending interrupt that it enables.',
    mistakes: { 'not listed': instead('if (value !== 0) interrupts.amend(at, 0, ENABLED);') },
  },
  'icenabler-disables': {
    rule: 'A one in ICENABLER disables, and a zero changes nothing.',
    mistakes: { 'not disabled': drop, 'by a zero too': value('value !== 2') },
  },
  'icpendr-takes-latch': {
    rule: 'ICPENDR takes the pending state away.',
    mistakes: { 'leaves the latch': instead('if (value !== 0) interrupts.amend(at, UNQUEUED, 0);') },
  },
  'icactiver-ends': {
    rule: 'ICACTIVER ends an interrupt.',
    mistakes: { 'not ended': drop },
  },
  'ipriorityr-takes-byte': {
    rule: 'IPRIORITYR takes the implemented bits of a byte.',
    mistakes: {
      'the highest only': value('interrupts.amend(at, PRIORITY, (value & 0x80) << PRIORITY_SHIFT)'),
    },
  },
  'icfgr-trigger-bit': {
    rule: 'ICFGR has its trigger in the upper of two bits.',
    mistakes: { 'in the lower': value('(value & 1) === 0 ? 0 : EDGE') },
  },
  'irouter-without-vcpu': {
    rule: 'An SPI whose IROUTER names no vCPU has no target.',
    mistakes: { 'vCPU 0': value('vcpu < 0 ? 0 : vcpu') },
  },
  'gicd-ctlr-stops-forwarding': {
    rule: 'GICD_CTLR starts and stops all forwarding.',
    mistakes: { 'starts only': value('interrupts.forwarding === 0 && groups !== 0') },
  },
  'disabled-lpis-leave-cache': {
    rule: 'LPIs that are disabled leave the cache of translations.',
    mistakes: { 'stay there': drop },
  },
  'reroutes-are-counted': {
    rule: 'A state counts how often its interrupt was sent elsewhere while it had to stay.',
    mistakes: { 'not counted': value('state | REROUTED') },
  },
  'prune-looks-at-distributor-again': {
    rule: 'A vCPU that has unqueued an interrupt checks once more whether the distributor is disabled.',
    mistakes: { 'looks once': drop },
  },
  'ring-kicks-guest': {
    rule: 'A ring says that a guest that runs has to be left.',
    mistakes: { 'not kicked': drop },
  },
  'loaded-interrupt-keeps-target': {
    rule: 'An interrupt in a list register keeps its target until its vCPU has left the guest.',
    mistakes: { 'changes at once': never },
  },
  'acknowledge-looks-again': {
    rule: 'An acknowledge takes an interrupt from a list register only if its state still allows that.',
    mistakes: { never },
  },
  'kick-taken-before-list': {
    rule: 'A vCPU that enters its guest takes the kick before it reads its list.',
    mistakes: { 'taken behind the list': toBehind('list-is-read-after-kick') },
  },
  'list-is-read-after-kick': {
    rule: 'A vCPU that enters its guest reads its list.',
    mistakes: {},
  },
  'latch-moves-into-register': {
    rule: 'An interrupt moves into a list register with its latch, in one step.',
    mistakes: { 'stays latched': value('before | LOADED') },
  },
  'fold-keeps-latch': {
    rule: 'A latch that the guest has not taken goes back when the guest is left.',
    mistakes: { 'the latch is dropped': value('before & ~LOADED') },
  },
  'forgotten-in-one-step': {
    rule: 'What is pending of an LPI is forgotten in one step, in its state and in a list register.',
    mistakes: {
      'the latch first': instead(
        `const before = interrupts.amend(at, LATCH | UNQUEUED, 0);
  for (;;) {
    const now = interrupts.state(at);
    if ((now & LOADED) === 0 || interrupts.replace(at, now, interrupts.rerouted(lpi, now & ~LOADED))) return before;
  }`,
      ),
    },
  },
  'lpi-is-loaded-once': {
    rule: 'An LPI is in one list register at most, also if another thread has taken the LPI out of the first.',
    mistakes: { 'loaded again': drop },
  },
  'fold-looks-at-loaded': {
    rule: 'A fold gives nothing back to an interrupt that another thread has taken out of the list register.',
    mistakes: { 'looks at the target alone': instead('if (targetOf(before) !== this.#vcpu) return;') },
  },
  'fold-is-one-step': {
    rule: 'A list register is folded back in one step.',
    mistakes: { 'in two steps': instead('interrupts.amend(at, ~0, after);') },
  },

  // src/gic/vpe.ts
  'dying-vpe-stays': {
    rule: 'A vPE that is not mapped is not moved.',
    mistakes: {
      'moved all the same': instead('store(this.#words, this.#state, moved(MAPPED));\n    return true;'),
    },
  },
  'vpe-leaves-before-look': {
    rule: 'A vPE is not resident any more when the PE looks whether an interrupt is pending for it.',
    mistakes: { 'looks first': toBehind('vpe-looks-when-left') },
  },
  'vpe-looks-when-left': {
    rule: 'What is pending when a vPE leaves is looked for.',
    mistakes: { 'not looked for': value('false') },
  },
  'pending-last-takes-doorbell': {
    rule: 'PendingLast is reported instead of a doorbell, not beside one.',
    mistakes: { 'left armed': instead('return isPending;') },
  },
  'pending-before-residency': {
    rule: 'An interrupt is pending before its thread asks whether the vPE is resident.',
    mistakes: {
      'asks first': instead(
        'if (this.#enabled.has(bit)) this.#announce();\n    this.#pending.set(bit);\n    return;',
      ),
    },
  },
  'enabled-before-pending-look': {
    rule: 'An interrupt is enabled before its thread asks whether it is pending.',
    mistakes: {
      'asks first': instead(
        'if (this.#pending.has(bit)) this.#announce();\n    this.#enabled.set(bit);\n    return;',
      ),
    },
  },
  // src/gic/vpes.ts, src/gic/vlpi-frame.ts
  'vmapp-loads-pending-table': {
    rule: 'A vPE that is mapped with PTZ = 0 has the pending vLPIs of its table.',
    mistakes: { 'not loaded': drop },
  },
  'vmapp-saves-pending-table': {
    rule: 'A vPE that ends with Alloc = 1 leaves its pending vLPIs in its table.',
    mistakes: { 'not saved': never },
  },
  'vpe-ends-with-doorbell': {
    rule: 'A doorbell that is pending ends with its vPE.',
    mistakes: { 'rings afterwards': drop },
  },
  'vmovp-takes-doorbell-along': {
    rule: 'VMOVP takes a doorbell that is pending along.',
    mistakes: { 'stays behind': drop },
  },
  'vmovi-takes-pending-along': {
    rule: 'VMOVI takes a vLPI that is pending along.',
    mistakes: { lost: instead('this.clear(from, intid);') },
  },
  'doorbell-follows-vpe': {
    rule: 'A doorbell rings at the PE of the last residency, or of a later VMOVP.',
    mistakes: { 'where VMAPP said': drop },
  },
  'doorbell-is-an-lpi': {
    rule: 'A vPE that is not resident rings its default doorbell.',
    mistakes: { 'not rung': drop },
  },
  'vpendbaser-arms-doorbell': {
    rule: 'VPENDBASER.Doorbell decides whether a doorbell rings for a vPE that has left.',
    mistakes: { 'never armed': value('vpe?.leave(false) ?? false') },
  },
  'doorbell-rings-once': {
    rule: 'The thread that takes the doorbell rings it, and no other.',
    mistakes: {
      'in two steps': instead('store(this.#words, this.#state, state & ~ARMED);\n      return state;'),
    },
  },
} satisfies Rows;
