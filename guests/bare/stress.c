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

#define MOST_SOURCES 1024u
#define MSI 0u
#define EVENT_BITS 8u
#define BUG_NO_SYNC 1u
#define BUG_EARLY_INV 2u
enum churn { MOVES, ROUTE_UPDATES, MASKS, CONFIGS };

struct source {
  uint32_t device, event, intid;
  uint8_t kind, vcpu;
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
  while (!read64(PROOF_STOP)) {
    if (flag("still")) {
      wait_for_interrupt();
      continue;
    }
    const unsigned index = chance(count);
    if (chance(4) != 0) move(index, chance(vcpus), bug);
    else mask_and_unmask(index, bug);
    for (unsigned pauses = rest; pauses > 0 && !read64(PROOF_STOP); pauses--) pause_vcpu();
  }
  // The host stops its devices first, looks at what is left when every vCPU sleeps, and then ends the run.
  write64(PROOF_READY, 0);
  for (;;) wait_for_interrupt();
}
