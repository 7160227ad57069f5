import { at, drop, instead, value } from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of `src/its`: the commands, the cache of translations, tables that are saved. */
export const ITS = {
  'mapd-unmaps-device': {
    rule: 'MAPD ends the mappings that its device had before.',
    mistakes: { 'stays mapped': instead('if (device !== NO_DEVICE) return OK;') },
  },
  'unmapped-collection-leaves-cache': {
    rule: 'MAPC without Valid empties the cache of translations.',
    mistakes: { 'not emptied': drop },
  },
  'mapc-takes-lpis-along': {
    rule: 'MAPC takes the LPIs of its collection along.',
    mistakes: { 'left behind': drop },
  },
  'mapi-maps-own-number': {
    rule: 'MAPI maps an event to the LPI of the number of the event.',
    mistakes: { 'of the one before': value('mapTo(its, packet, eventIdOf(packet) - 1)') },
  },
  'new-lpi-has-target': {
    rule: 'A new LPI has the target of its collection.',
    mistakes: { 'vCPU 0': instead('if (vcpu !== NOT_MAPPED) lpis.retarget(lpi, 0);') },
  },
  'movi-takes-pending-along': {
    rule: 'MOVI takes a pending LPI along.',
    mistakes: { 'left behind': drop },
  },
  'movall-moves-one-vcpu': {
    rule: 'MOVALL moves the LPIs of one vCPU, to the other that it names.',
    mistakes: { 'of all, to the first': instead('if (lpis.targetOf(lpi) !== to) lpis.retarget(lpi, from);') },
  },
  'discard-unmaps-event': {
    rule: 'DISCARD unmaps its event.',
    mistakes: { 'empties the cache only': instead('events.invalidate();') },
  },
  'inv-reads-configuration': {
    rule: 'INV reads the byte of its LPI again.',
    mistakes: { 'not read': drop },
  },
  'invall-reads-all': {
    rule: 'INVALL reads the bytes of all LPIs of its vCPU again.',
    mistakes: { 'not of the first four': value('$ && lpi > 8195') },
  },
  'epoch-is-never-zero': {
    rule: 'The epoch is never 0, the stamp of an event that was never cached.',
    mistakes: {
      'passes through 0': instead(`replace(this.#words, this.#epoch, now, (now + 1) | 0);
    replace(this.#words, this.#epoch, 0, 1);`),
    },
  },
  'translation-holds-for-epoch': {
    rule: 'A translation is cached for the epoch of its stamp.',
    mistakes: { 'for good': value('load(words, at + STAMP) !== 0 ? load(words, at + LPI) : MISS') },
  },
  'command-excludes-translations': {
    rule: 'A command runs with the lock of the mappings held.',
    mistakes: { 'without the lock': instead('return handler(its, packet);') },
  },
  'its-off-waits-for-readers': {
    rule: 'An ITS that is turned off waits for translations by the cache.',
    mistakes: { 'no wait': drop },
  },
  'its-off-waits-for-lock': {
    rule: 'An ITS that is turned off waits for translations past the cache.',
    mistakes: { 'no wait': [drop, at('its-off-frees-lock', drop)] },
  },
  'its-off-frees-lock': {
    rule: 'An ITS that is turned off frees the lock again.',
    mistakes: {},
  },
  'saved-event-has-distance': {
    rule: 'A saved event says how far the next one is.',
    mistakes: { 'the last': value('0') },
  },
  'saved-event-has-collection': {
    rule: 'A saved event names its collection.',
    mistakes: { 'collection 0': value('encodeEvent({ next, lpi: events.lpiOf(event), icid: 0 })') },
  },
  'unmapping-empties-cache': {
    rule: 'The unmapping of an event empties the cache of translations.',
    mistakes: { 'not emptied': drop },
  },
  'unmapping-waits-for-injectors': {
    rule: 'The unmapping of an event waits for injectors that have found the event.',
    mistakes: { 'no wait': drop },
  },
  'event-ends-mapping-once': {
    rule: 'An event that is unmapped ends one mapping of its LPI.',
    mistakes: { twice: instead('$\n  $') },
  },
  'removal-waits-for-injectors': {
    rule: 'The removal of a device waits for injectors that have found its events.',
    mistakes: { 'no wait': drop },
  },
  'its-off-loses-msi': {
    rule: 'An MSI is lost while the ITS is off.',
    mistakes: { delivered: drop },
  },
  'disabled-lpis-refuse': {
    rule: 'An MSI is refused where the LPIs of its vCPU are off.',
    mistakes: { taken: drop },
  },
  'stamp-from-before-checks': {
    rule: 'A translation is stamped with the epoch from before its checks.',
    mistakes: { 'of afterwards': instead('events.cache(event, events.epoch);') },
  },
  'unmapped-event-is-blocked': {
    rule: 'KVM_SIGNAL_MSI says that the guest blocks an event.',
    mistakes: { 'says delivered': instead('if (lpi === UNMAPPED) return DELIVERED;') },
  },
  'slow-path-excludes-commands': {
    rule: 'A signal past the cache latches with the lock of the mappings held.',
    mistakes: { 'without the lock': instead('its.lock.unlock();\n    $\n    its.lock.lock();') },
  },

  // src/its/commands/virtual.ts, and what the other commands do to vLPIs
  'vinvall-reads-all': {
    rule: 'VINVALL reads the configuration of every vLPI of a vPE.',
    mistakes: { 'not read': drop },
  },
  'invdb-reads-configuration': {
    rule: "INVDB reads the configuration of a vPE's default doorbell.",
    mistakes: { 'not read': drop },
  },
  'inv-reads-vlpi': {
    rule: 'INV reads the configuration of a vLPI.',
    mistakes: { 'not read': drop },
  },
  'vsgi-enables': {
    rule: 'VSGI enables a vSGI, and one that is pending is announced.',
    mistakes: { 'not enabled': drop },
  },
  'unmapping-clears-vlpi': {
    rule: 'The unmapping of an event clears the pending state of its vLPI.',
    mistakes: { 'stays pending': drop },
  },
} satisfies Rows;
