/** One mistake that a careless hand makes: `from` stands in `src/FILE` exactly once, and `to` takes its place. */
export type Mistake = {
  /** The rule of the house that the mistake breaks. */
  readonly guard: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Further changes in the same file, where one is not enough. */
  readonly also?: readonly { readonly from: string; readonly to: string }[];
};

/** Mistakes in the protocols between threads, by the rule that each breaks. */
export const PROTOCOL_MISTAKES: readonly Mistake[] = [
  {
    guard: 'a waker moves the count',
    file: 'memory/event-count.ts',
    from: 'add(this.#words, this.#count, 1);\n    Atomics',
    to: 'Atomics',
  },
  {
    guard: 'a waker notifies',
    file: 'memory/event-count.ts',
    from: 'Atomics.notify(this.#words, this.#count, limit);',
    to: '',
  },
  {
    guard: 'a halt announces itself before its last look',
    file: 'board/halt.ts',
    from: 'const ticket = this.#bell.announce();\n    if (this.#somethingToDo(closely)) {\n      this.#bell.withdraw();\n      return;\n    }',
    to: 'if (this.#somethingToDo(closely)) return;\n    const ticket = this.#bell.announce();',
  },
  {
    guard: 'a halt looks once more after it has announced itself',
    file: 'board/halt.ts',
    from: 'if (this.#somethingToDo(closely)) {\n      this.#bell.withdraw();\n      return;\n    }',
    to: '',
  },
  {
    guard: 'a grace period waits for readers',
    file: 'memory/readers.ts',
    from: 'if ((seen & 1) === 0) continue;',
    to: 'if (seen === seen) continue;',
  },
  {
    guard: 'a reader that leaves wakes the waiter',
    file: 'memory/readers.ts',
    from: 'if (load(this.#words, this.#waiting) !== 0) Atomics.notify(this.#words, mark);',
    to: '',
  },
  {
    guard: 'a torn copy is thrown away',
    file: 'memory/sequence.ts',
    from: 'return (seen & 1) !== 0 || load(words, at) !== seen;',
    to: 'return false;',
  },
  {
    guard: 'an odd sequence is thrown away',
    file: 'memory/sequence.ts',
    from: '(seen & 1) !== 0 || load(words, at) !== seen',
    to: 'load(words, at) !== seen',
  },
  {
    guard: 'a mutex wakes its waiter',
    file: 'memory/mutex.ts',
    from: 'if (exchange(this.#words, this.#at, FREE) === WANTED) Atomics.notify(this.#words, this.#at, 1);',
    to: 'exchange(this.#words, this.#at, FREE);',
  },
  {
    guard: 'a waiter of a mutex says that it waits',
    file: 'memory/mutex.ts',
    from: 'while (exchange(this.#words, this.#at, WANTED) !== FREE) {',
    to: 'while (exchange(this.#words, this.#at, HELD) !== FREE) {',
  },
  {
    guard: 'a mutex excludes',
    file: 'memory/mutex.ts',
    from: 'if (replace(this.#words, this.#at, FREE, HELD)) return;\n    for',
    to: 'if (load(this.#words, this.#at) === FREE) {\n      store(this.#words, this.#at, HELD);\n      return;\n    }\n    for',
  },
  {
    guard: 'a bit set covers its summaries',
    file: 'memory/summary-bitmap.ts',
    from: 'this.#cover(word);\n    return added;',
    to: 'if (added) this.#cover(word);\n    return added;',
  },
  {
    guard: 'a summary that was pruned is looked at again',
    file: 'memory/summary-bitmap.ts',
    from: 'if (filled !== 0) raise(this.#words, summaryAt, mask);',
    to: '',
  },
  {
    guard: 'a summary is cleared before the second look',
    file: 'memory/summary-bitmap.ts',
    from: 'lower(this.#words, summaryAt, mask);\n    const filled = load(this.#words, wordAt);\n    if (filled !== 0) raise(this.#words, summaryAt, mask);',
    to: 'const filled = load(this.#words, wordAt);\n    if (filled === 0) lower(this.#words, summaryAt, mask);',
  },
  {
    guard: 'an eventfd is drained in one step',
    file: 'memory/eventfd.ts',
    from: 'if (replace(this.#words, this.#low, low, 0)) {',
    to: 'store(this.#words, this.#low, 0);\n      if (low !== 0) {',
  },
  {
    guard: 'a latched interrupt is listed',
    file: 'gic/interrupts.ts',
    from: 'if (isDeliverable(state)) this.list(targetOf(state), intid);\n    return false;',
    to: 'if (isDeliverable(state) && (intid & 1) === 0) this.list(targetOf(state), intid);\n    return false;',
  },
  {
    guard: 'a latch is one step',
    file: 'gic/interrupts.ts',
    from: 'const before = looks ? setBits(this.words, at, LATCH) : or(this.words, at, LATCH);',
    to: 'const before = load(this.words, at);\n    if (looks || true) store(this.words, at, before | LATCH);',
  },
  {
    guard: 'an interrupt is listed at the target of the word that was written',
    file: 'gic/interrupts.ts',
    from: 'const before = looks ? setBits(this.words, at, LATCH) : or(this.words, at, LATCH);',
    to: 'const old = load(this.words, at);\n    const after = looks ? setBits(this.words, at, LATCH) : or(this.words, at, LATCH);\n    const before = (old & ~LATCH) | (after & LATCH);',
  },
  {
    guard: 'a change lists what is deliverable now',
    file: 'gic/interrupts.ts',
    from: 'if (isDeliverable(after)) this.list(targetOf(after), intid);\n    return before;',
    to: 'return before;',
  },
  {
    guard: 'a change is one step',
    file: 'gic/interrupts.ts',
    from: 'const won = replace(this.words, at, before, after);\n      if (won && shared',
    to: 'store(this.words, at, after);\n      const won = true;\n      if (won && shared',
  },
  {
    guard: 'a line that goes up is listed',
    file: 'gic/interrupts.ts',
    from: 'if (isDeliverable(next)) this.list(targetOf(next), intid);',
    to: '',
  },
  {
    guard: 'an end lists what came again meanwhile',
    file: 'gic/interrupts.ts',
    from: 'if (!replace(this.words, at, before, after)) continue;\n      if (isDeliverable(after)) this.list(targetOf(after), intid);',
    to: 'if (!replace(this.words, at, before, after)) continue;',
  },
  {
    guard: 'an end is one step',
    file: 'gic/interrupts.ts',
    from: 'if (!replace(this.words, at, before, after)) continue;\n      if (isDeliverable(after)) this.list',
    to: 'store(this.words, at, after);\n      if (isDeliverable(after)) this.list',
  },
  {
    guard: 'an acknowledge passes on what has moved',
    file: 'gic/interrupts.ts',
    from: 'if (isDeliverable(before)) this.relist(targetOf(before), intid);\n        else if (isLpi) this.bury(at, before);\n        return 0;',
    to: 'return 0;',
  },
  {
    guard: 'an acknowledge looks at the target',
    file: 'gic/interrupts.ts',
    from: 'if (!isDeliverable(before) || targetOf(before) !== vcpu) {',
    to: 'if (!isDeliverable(before)) {',
  },
  {
    guard: 'an acknowledge is one step',
    file: 'gic/interrupts.ts',
    from: 'if (!replace(this.words, at, before, taken(before, isLpi, this.#keepsLevelLatch))) continue;',
    to: 'store(this.words, at, taken(before, isLpi, this.#keepsLevelLatch));',
  },
  {
    guard: 'an acknowledge takes an LPI off the list first',
    file: 'gic/interrupts.ts',
    from: 'if (isLpi) this.bury(at, before);\n      list?.noteTaken(intid);',
    to: 'if (isLpi) this.#drop(list, intid);\n      if (isLpi) this.bury(at, before);\n      list?.noteTaken(intid);',
    also: [
      {
        from: 'if (isLpi) this.#drop(list, intid);\n    for (let before = seen',
        to: 'for (let before = seen',
      },
    ],
  },
  {
    guard: 'the second acknowledge in a row is one step',
    file: 'gic/interrupts.ts',
    from: 'if (!replace(this.words, at, seen, seen & ~(LATCH | HELD))) return 0;',
    to: 'store(this.words, at, seen & ~(LATCH | HELD));',
  },
  {
    guard: 'an LPI that is not kept alone is looked at',
    file: 'gic/interrupts.ts',
    from: 'const state = load(this.words, at);\n    if (isDeliverable(state)) this.relist(targetOf(state), lpi);\n    return seen;',
    to: 'return seen;',
  },
  {
    guard: 'a listed interrupt rings its vCPU',
    file: 'gic/interrupts.ts',
    from: 'this.ring(vcpu);\n  }\n\n  /** Gives an LPI',
    to: '}\n\n  /** Gives an LPI',
  },
  {
    guard: 'whoever lists something ends the note of an LPI that is alone, after the append',
    file: 'gic/interrupts.ts',
    from: 'list.append(intid);\n      this.#relistAlone(list, list.endAlone(intid));',
    to: 'list.append(intid);',
  },
  {
    guard: 'an LPI that is alone no longer is listed if it is latched',
    file: 'gic/interrupts.ts',
    from: 'const state = load(this.words, this.lpis + lpi);\n    if (isDeliverable(state)) this.relist(targetOf(state), lpi);',
    to: '',
  },
  {
    guard: 'a lone LPI that has moved is not found',
    file: 'gic/interrupts.ts',
    from: 'if (targetOf(state) !== vcpu || (state & HELD) !== 0) return',
    to: 'if ((state & HELD) !== 0) return',
  },
  {
    guard: 'the note of a lone LPI comes before the look at the end',
    file: 'gic/vcpu-list.ts',
    from: 'store(this.#words, this.#alone, lpi);\n    if (!this.isFilled) return true;',
    to: 'if (!this.isFilled) {\n      store(this.#words, this.#alone, lpi);\n      return true;\n    }\n    store(this.#words, this.#alone, lpi);',
  },
  {
    guard: 'a lone LPI is kept only if nothing else is listed',
    file: 'gic/vcpu-list.ts',
    from: 'if (!this.isFilled) return true;',
    to: 'return true;',
  },
  {
    guard: 'one thread takes the note of a lone LPI away',
    file: 'gic/vcpu-list.ts',
    from: 'return replace(this.#words, this.#alone, alone, NOBODY) ? alone : NOBODY;',
    to: 'store(this.#words, this.#alone, NOBODY);\n    return alone;',
  },
  {
    guard: 'one producer has one slot',
    file: 'gic/vcpu-list.ts',
    from: 'if (!replace(words, this.#tail + END, end, (end + 1) | 0)) continue;',
    to: 'store(words, this.#tail + END, (end + 1) | 0);',
  },
  {
    guard: 'what was taken off the list is looked at again',
    file: 'gic/list-walk.ts',
    from: 'if (isDeliverable(state)) this.#owner.relist(targetOf(state), intid);\n    else',
    to: 'if (!isDeliverable(state))',
  },
  {
    guard: 'a walk looks at the target',
    file: 'gic/list-walk.ts',
    from: 'if (targetOf(state) === vcpu && ((state & LATCH)',
    to: 'if (((state & LATCH)',
  },
  {
    guard: 'an interrupt is taken off the list before the second look',
    file: 'gic/list-walk.ts',
    from: 'if (!list.claim(intid)) return;\n    const at = this.#owner.find(vcpu, intid);\n    // Only now is it safe to leave: a thread that makes it deliverable from here on finds the bit clear, and sets it.\n    let state = load(this.#words, at);',
    to: 'const at = this.#owner.find(vcpu, intid);\n    let state = load(this.#words, at);\n    if (!list.claim(intid)) return;',
  },
  {
    guard: 'a level of the census is checked after it is cleared',
    file: 'gic/priority-census.ts',
    from: 'if (load(this.#words, this.#counts + level) !== 0) raise(this.#words, this.#mask, 1 << level);',
    to: '',
  },
  {
    guard: 'a level of the census is counted before it is marked',
    file: 'gic/priority-census.ts',
    from: 'add(this.#words, this.#counts + level, 1);\n    raise(this.#words, this.#mask, 1 << level);',
    to: 'raise(this.#words, this.#mask, 1 << level);\n    add(this.#words, this.#counts + level, 1);',
  },
  {
    guard: 'the note of an end comes before its flag',
    file: 'gic/level-acks.ts',
    from: 'this.#acked.set(intid);\n    store(this.#words, this.#flag, 1);',
    to: 'store(this.#words, this.#flag, 1);\n    this.#acked.set(intid);',
  },
  {
    guard: 'a taker of ends says that there may be more',
    file: 'gic/level-acks.ts',
    from: '// There may be more: the next call must look again.\n      store(this.#words, this.#flag, 1);',
    to: '',
  },
  {
    guard: 'unmapping waits for injectors',
    file: 'its/state.ts',
    from: 'readers.synchronize();\n  lpis.unmap(events.lpiOf(event));',
    to: 'lpis.unmap(events.lpiOf(event));',
  },
  {
    guard: 'unmapping empties the cache',
    file: 'its/state.ts',
    from: 'events.invalidate();\n  events.detach(event);',
    to: 'events.detach(event);',
  },
  {
    guard: 'a command excludes translations',
    file: 'its/queue.ts',
    from: 'its.lock.lock();\n  try {\n    return handler(its, packet);\n  } finally {\n    its.lock.unlock();\n  }',
    to: 'return handler(its, packet);',
  },
  {
    guard: 'the slow path excludes commands',
    file: 'its/translation.ts',
    from: 'its.lpis.latch(lpi);\n    return DELIVERED;',
    to: 'its.lock.unlock();\n    its.lpis.latch(lpi);\n    its.lock.lock();\n    return DELIVERED;',
  },
  {
    guard: 'a translation is stamped with the epoch from before its checks',
    file: 'its/translation.ts',
    from: 'events.cache(event, epoch);',
    to: 'events.cache(event, events.epoch);',
  },
  {
    guard: 'a translation is cached under the epoch in force',
    file: 'its/events.ts',
    from: 'return load(words, at + STAMP) === load(words, this.#epoch) ? load(words, at + LPI) : MISS;',
    to: 'return load(words, at + STAMP) !== 0 ? load(words, at + LPI) : MISS;',
  },
  {
    guard: 'a writer looks for the hook again after its write',
    file: 'kvm/irqfds.ts',
    from: 'if (!this.#inline || this.#hooks.of(fd) !== NO_HANDLE) {',
    to: 'if (!this.#inline) {',
  },
  {
    guard: 'an assignment drains after it has hooked',
    file: 'kvm/irqfds.ts',
    from: 'this.#hooks.set(fd, handle);\n      if (this.#eventfds[fd]?.drain()) this.#defer(slot);',
    to: 'if (this.#eventfds[fd]?.drain()) this.#defer(slot);\n      this.#hooks.set(fd, handle);',
  },
  {
    guard: 'a deassignment waits for writers',
    file: 'kvm/irqfds.ts',
    from: 'this.#readers.synchronize();\n    this.#runWork(slot);',
    to: 'this.#runWork(slot);',
  },
  {
    guard: 'a deassignment runs what is left to the main thread',
    file: 'kvm/irqfds.ts',
    from: 'this.#readers.synchronize();\n    this.#runWork(slot);',
    to: 'this.#readers.synchronize();',
  },
  {
    guard: 'a new route forgets the LPI of the old one',
    file: 'kvm/irqfds.ts',
    from: 'this.#injector.forget(this.#hooks.memoryOf(load(this.#words, at + EVENTFD)));',
    to: '',
  },
  {
    guard: 'a deassignment forgets the LPI',
    file: 'kvm/irqfds.ts',
    from: 'this.#injector.forget(this.#hooks.memoryOf(fd));\n    this.#hooks.clear(fd);',
    to: 'this.#hooks.clear(fd);',
  },
  {
    guard: 'a signal injects within its section',
    file: 'kvm/irqfds.ts',
    from: 'this.#readers.enter(this.#reader);\n    const raised',
    to: 'this.#readers.enter(this.#reader);\n    this.#readers.leave(this.#reader);\n    const raised',
    also: [
      {
        from: '|| this.#raiseByRoute(fd);\n    this.#readers.leave(this.#reader);',
        to: '|| this.#raiseByRoute(fd);',
      },
    ],
  },
  {
    guard: 'work is claimed before it is done',
    file: 'kvm/irqfds.ts',
    from: 'if (!this.#work.claim(slot)) return false;\n      this.#inject(slot);',
    to: 'if (!this.#work.has(slot)) return false;\n      this.#inject(slot);\n      this.#work.claim(slot);',
  },
  {
    guard: 'a ring is claimed before it is served',
    file: 'kvm/irqfds.ts',
    from: 'this.#rung.claim(fd);\n      if (this.#serve(fd)) served++;',
    to: 'if (this.#serve(fd)) served++;\n      this.#rung.claim(fd);',
  },
  {
    guard: 'a remembered LPI has the epoch from before its lookup',
    file: 'kvm/injector.ts',
    from: 'const { epoch } = its;\n    const lpi = its.lookup(load(words, route + CACHED_DEVICE)',
    to: 'const lpi = its.lookup(load(words, route + CACHED_DEVICE)',
    also: [{ from: 'store(words, at + STAMP, epoch);', to: 'store(words, at + STAMP, its.epoch);' }],
  },
  {
    guard: 'a remembered LPI holds for one epoch',
    file: 'kvm/injector.ts',
    from: 'if (this.#itses[lpi >>> LPI_BITS]?.epoch !== stamp) return false;',
    to: '',
  },
  {
    guard: 'a copy of a route is written under its sequence count',
    file: 'kvm/injector.ts',
    from: 'beginWrite(this.words, sequence);',
    to: '',
  },
  {
    guard: 'a new table waits for the readers of the old one',
    file: 'kvm/vm.ts',
    from: 'this.readers.synchronize();\n',
    to: '',
  },
  {
    guard: "a new table waits for the main thread's work",
    file: 'kvm/vm.ts',
    from: 'this.irqfds.flushWork();',
    to: '',
  },
  {
    guard: 'a new table reaches the irqfds after it is in force',
    file: 'kvm/vm.ts',
    from: 'this.routing.publish(routes);\n      if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();',
    to: 'if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();\n      this.routing.publish(routes);',
  },
  {
    guard: 'an end tells the devices after the line was lowered',
    file: 'kvm/resamplers.ts',
    from: 'lower(gsi);\n        let slot = load(this.#words, this.#heads + gsi);\n        for (; slot !== 0; slot = load(this.#words, this.#links + slot)) tell(slot);',
    to: 'let slot = load(this.#words, this.#heads + gsi);\n        for (; slot !== 0; slot = load(this.#words, this.#links + slot)) tell(slot);\n        lower(gsi);',
  },
  {
    guard: 'a kick sets its request before it rings',
    file: 'board/vcpu.ts',
    from: 'this.control.request(request);\n    this.#bell.signal();',
    to: 'this.#bell.signal();\n    this.control.request(request);',
  },
];
