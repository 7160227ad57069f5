// Small programs for the explorer of schedules: `race=` names one, `bug=1` puts the fault in that it is for. Each powers off
// with status 0 where it holds. The console says `guest: ready` at the moment from which schedules are worth a search.
#include "board.h"

#define DEVICE 5u
#define EVENT 0u
#define LPI (FIRST_LPI + 16u)
#define WAKE_SGI 1u
#define WRONG 3u

static unsigned rounds, bug;
static volatile uint32_t wanted, done, data;

// Sleeps until `word` is `value`. With interrupts masked an SGI that comes behind the look keeps WFI from sleeping. The bug:
// unmasked, it is taken in front of the WFI, which then sleeps for ever.
static void sleep_until(const volatile uint32_t *word, uint32_t value, int unmasked) {
  for (;;) {
    if (!unmasked) interrupts_off();
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value) break;
    wait_for_interrupt();
    interrupts_on();
  }
  interrupts_on();
}

static void wake_worker(void) {
  for (uint32_t round = 1; round <= rounds; round++) {
    sleep_until(&wanted, round, bug != 0);
    __atomic_store_n(&done, round, __ATOMIC_RELEASE);
    gic_send_sgi(0, WAKE_SGI);
  }
}

static void wake(void) {
  for (uint32_t round = 1; round <= rounds; round++) {
    __atomic_store_n(&wanted, round, __ATOMIC_RELEASE);
    gic_send_sgi(1, WAKE_SGI);
    sleep_until(&done, round, 0);
  }
}

// Message passing. The bug: the flag is a plain store, which may become visible in front of the data.
static void publish(void) {
  for (uint32_t round = 1; round <= rounds; round++) {
    data = round;
    if (bug) wanted = round;
    else __atomic_store_n(&wanted, round, __ATOMIC_RELEASE);
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != round) pause_vcpu();
  }
}

static void publish_worker(void) {
  for (uint32_t round = 1; round <= rounds; round++) {
    while (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE) != round) pause_vcpu();
    if (data != round) {
      print("guest: the flag was there before its data\n");
      power_off(WRONG);
    }
    __atomic_store_n(&done, round, __ATOMIC_RELEASE);
  }
}

static const volatile uint32_t *const taken = &counts.lpis[LPI - FIRST_LPI];

static void set_up_lpi(void) {
  its_map_device(DEVICE, 1);
  its_map_event(DEVICE, EVENT, LPI, 0);
  its_mask(DEVICE, EVENT, LPI, 0, 0, 1);
}

// The MSI of a device, which arrives when it likes.
static void ring_and_take(void) {
  const uint32_t before = *taken;
  write64(RINGER, ((uint64_t)DEVICE << 32) | EVENT);
  while (*taken == before) pause_vcpu();
}

// A change of affinity: once it is over, the LPI is the new vCPU's. The bug: the driver does not wait for its MOVI.
static void move(unsigned vcpus) {
  for (uint32_t round = 1; round <= rounds; round++) {
    const unsigned vcpu = round % vcpus;
    its_move(DEVICE, EVENT, vcpu, !bug);
    ring_and_take();
    if (counts.lpi_vcpu[LPI - FIRST_LPI] != vcpu) {
      print("guest: an LPI came to a vCPU that its affinity excludes\n");
      power_off(WRONG);
    }
  }
}

// Masks and unmasks. The bug: INV is in the queue before the configuration says that the LPI is enabled, so the
// redistributor may go on with the old one.
static void unmask(void) {
  for (uint32_t round = 1; round <= rounds; round++) {
    its_mask(DEVICE, EVENT, LPI, 0, 1, 1);
    if (bug) {
      its_invalidate(DEVICE, EVENT, 0, 0);
      its_mask(DEVICE, EVENT, LPI, 0, 0, 0);
      its_settle();
    } else {
      its_mask(DEVICE, EVENT, LPI, 0, 0, 1);
    }
    ring_and_take();
  }
}

void run_race_worker(unsigned vcpu) {
  if (vcpu != 1) return;
  if (argument_is("race", "wake")) wake_worker();
  if (argument_is("race", "publish")) publish_worker();
}

void run_race(unsigned vcpus) {
  const int needs_lpi = argument_is("race", "move") || argument_is("race", "unmask");
  if (vcpus < 2 || (needs_lpi && !its_init(vcpus))) {
    print("guest: a race needs two vCPUs, and an ITS\n");
    power_off(2);
  }
  if (needs_lpi) set_up_lpi();
  print("guest: ready\n");
  if (argument_is("race", "wake")) wake();
  else if (argument_is("race", "publish")) publish();
  else if (argument_is("race", "move")) move(vcpus);
  else if (argument_is("race", "unmask")) unmask();
  else power_off(2);
  power_off(0);
}

// Before any other vCPU runs.
void set_up_race(void) {
  rounds = (unsigned)argument("rounds", 2);
  bug = (unsigned)argument("bug", 0);
}
