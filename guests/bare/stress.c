// Stress: devices of the host signal while vCPU 0 moves and masks their interrupts. The host's proof is told of each step.
// `bug=1`: an affinity change ends before the ITS has carried it out. `bug=2`: INV comes before the unmask.
#include "board.h"

// Registers of the proof, 8 bytes each. See docs/arm64.md.
#define PROOF_BEGIN_MOVE (PROOF + 0x10)
#define PROOF_END_MOVE (PROOF + 0x18)
#define PROOF_STOP (PROOF + 0x20)
#define PROOF_READY (PROOF + 0x28)
#define PROOF_CHURN (PROOF + 0x30)
#define PROOF_COUNTS (PROOF + 0x38)
#define PROOF_SOURCES (PROOF + 0x40)
#define PROOF_SELECT (PROOF + 0x48)
#define PROOF_EVENT (PROOF + 0x50)
#define PROOF_INTERRUPT (PROOF + 0x58)
#define PROOF_MESSAGE (PROOF + 0x60)
#define PROOF_LATCHED (PROOF + 0x68)
#define PROOF_DELIVERIES (PROOF + 0x70)

#define MOST_SOURCES 512u
// A source that is set up anew gets the other of its two events, which has an LPI of its own.
#define OTHER_EVENT 128u
#define OTHER_LPI 512u
#define LOOKS 2000u
#define DELIVERIES_TO_SHOW 2u
#define MSI 0u
#define EVENT_BITS 8u
#define BUG_NO_SYNC 1u
#define BUG_EARLY_INV 2u
enum churn { MOVES, ROUTE_UPDATES, MASKS, CONFIGS };

struct source {
  uint32_t device, event, intid;
  uint8_t kind, vcpu, again;
};
static struct source sources[MOST_SOURCES];
static uint64_t state;

static uint32_t chance(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)((state >> 32) % below);
}

static void set_up(const struct source *source) {
  if (source->kind == MSI) {
    its_map_event(source->device, source->event, source->intid, source->vcpu);
    its_mask(source->device, source->event, source->intid, source->vcpu, 0, 1);
    return;
  }
  if (source->kind == 1) gic_set_spi_edge(source->intid);
  gic_route_spi(source->intid, source->vcpu);
  gic_enable(source->intid, 1);
}

static void move(unsigned index, unsigned vcpu, unsigned bug) {
  struct source *source = &sources[index];
  write64(PROOF_BEGIN_MOVE, index | ((uint64_t)vcpu << 16) | ((uint64_t)source->intid << 32));
  if (source->kind == MSI) its_move(source->device, source->event, vcpu, bug != BUG_NO_SYNC);
  else gic_route_spi(source->intid, vcpu);
  barrier();
  source->vcpu = (uint8_t)vcpu;
  write64(PROOF_END_MOVE, index);
  write64(PROOF_CHURN, MOVES);
}

static void mask_and_unmask(unsigned index, unsigned bug) {
  const struct source *source = &sources[index];
  if (source->kind == MSI) {
    its_mask(source->device, source->event, source->intid, source->vcpu, 1, 1);
    if (bug == BUG_EARLY_INV) {
      its_mask(source->device, source->event, source->intid, source->vcpu, 1, 1);
      its_mask(source->device, source->event, source->intid, source->vcpu, 0, 0);
    } else {
      its_mask(source->device, source->event, source->intid, source->vcpu, 0, 1);
    }
    write64(PROOF_CHURN, CONFIGS);
    return;
  }
  gic_enable(source->intid, 0);
  gic_enable(source->intid, 1);
  write64(PROOF_CHURN, MASKS);
}

static int stopping(void) { return read64(PROOF_STOP) != 0; }

// Waits until the source was delivered a few times, or for a while: what a signal by an old route needs to show.
static void wait_for_deliveries(unsigned index) {
  write64(PROOF_SELECT, index);
  const uint32_t before = (uint32_t)read64(PROOF_DELIVERIES);
  for (unsigned look = 0; look < LOOKS && !stopping(); look++) {
    if ((uint32_t)read64(PROOF_DELIVERIES) - before >= DELIVERIES_TO_SHOW) return;
    pause_vcpu();
  }
}

// Waits until every handler that may be running has ended.
static void wait_for_handlers(unsigned vcpus) {
  for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) {
    const uint32_t seen = handlers[vcpu];
    while ((seen & 1) && handlers[vcpu] == seen && !stopping()) pause_vcpu();
  }
}

// Sets a vector up anew, while its device signals: maps the other event, changes the message, and waits until what came by
// the old one has been taken. The old event stays mapped until the next time, so that a signal by an old route shows.
static void set_up_anew(unsigned index, unsigned vcpus) {
  struct source *source = &sources[index];
  const unsigned event = source->event ^ OTHER_EVENT;
  const unsigned old = source->intid;
  const unsigned intid = FIRST_LPI + ((old - FIRST_LPI) ^ OTHER_LPI);
  if (source->again) its_discard(source->device, event);
  source->again = 1;
  its_map_event(source->device, event, intid, source->vcpu);
  its_mask(source->device, event, intid, source->vcpu, 0, 1);
  wait_for_deliveries(index);
  write64(PROOF_BEGIN_MOVE, index | ((uint64_t)source->vcpu << 16) | ((uint64_t)intid << 32));
  write64(PROOF_MESSAGE, ((uint64_t)index << 32) | event);
  while (!stopping()) {
    write64(PROOF_SELECT, old);
    if (!read64(PROOF_LATCHED)) break;
    pause_vcpu();
  }
  source->event = event;
  source->intid = intid;
  if (stopping()) return;
  write64(PROOF_END_MOVE, index);
  wait_for_handlers(vcpus);
  wait_for_deliveries(index);
  write64(PROOF_CHURN, ROUTE_UPDATES);
}

void run_stress(unsigned vcpus) {
  const unsigned count = (unsigned)read64(PROOF_SOURCES);
  const unsigned rest = (unsigned)argument("rest", 0), bug = (unsigned)argument("bug", 0);
  state = argument("seed", 1) * 0x9e3779b97f4a7c15ul | 1;
  if (count == 0 || count > MOST_SOURCES || !its_init(vcpus)) {
    print("guest: nothing to stress\n");
    power_off(2);
  }
  write64(PROOF_COUNTS, (uint64_t)&counts);
  uint32_t mapped = ~0u;
  for (unsigned index = 0; index < count; index++) {
    struct source *source = &sources[index];
    write64(PROOF_SELECT, index);
    const uint64_t event = read64(PROOF_EVENT), interrupt = read64(PROOF_INTERRUPT);
    source->device = (uint32_t)(event >> 32);
    source->event = (uint32_t)event;
    source->intid = (uint32_t)interrupt;
    source->vcpu = (uint8_t)(interrupt >> 32);
    source->kind = (uint8_t)(interrupt >> 48);
    if (source->kind == MSI && source->device != mapped) its_map_device(mapped = source->device, EVENT_BITS);
    set_up(source);
  }
  stressing = 1;
  barrier();
  write64(PROOF_READY, 1);
  while (!stopping()) {
    if (flag("still")) {
      wait_for_interrupt();
      continue;
    }
    const unsigned index = chance(count);
    const unsigned draw = chance(16);
    if (draw == 0 && sources[index].kind == MSI) set_up_anew(index, vcpus);
    else if (draw < 12) move(index, chance(vcpus), bug);
    else mask_and_unmask(index, bug);
    for (unsigned pauses = rest; pauses > 0 && !stopping(); pauses--) pause_vcpu();
  }
  // The host stops its devices first, looks at what is left when every vCPU sleeps, and then ends the run.
  write64(PROOF_READY, 0);
  for (;;) wait_for_interrupt();
}
