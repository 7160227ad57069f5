// Checks of everything that the guest's driver does, one line each: `ok` or `not ok`, as in TAP.
#include "board.h"

#define DEVICE 5u
#define EVENTS 8u
#define LPI(event) (FIRST_LPI + 16u + (event))
#define SPI 40u

static unsigned done, failed;

static void check(const char *what, int holds) {
  print(holds ? "ok " : "not ok ");
  print_number(++done);
  print(" - ");
  print(what);
  print("\n");
  if (!holds) failed++;
}

// Waits until `counter` has reached `value`, at most for a second of the guest's time. Past it, it was taken too often.
static int reaches(const volatile uint32_t *counter, uint32_t value) {
  const uint64_t end = SYSREG_READ("cntvct_el0") + SYSREG_READ("cntfrq_el0");
  uint32_t now;
  while ((int32_t)((now = __atomic_load_n(counter, __ATOMIC_ACQUIRE)) - value) < 0) {
    if (SYSREG_READ("cntvct_el0") > end) return 0;
    pause_vcpu();
  }
  return now == value;
}

// Whether `counter` is still `value` after a millisecond of the guest's time.
static int stays(const volatile uint32_t *counter, uint32_t value) {
  const uint64_t end = SYSREG_READ("cntvct_el0") + SYSREG_READ("cntfrq_el0") / 1000;
  while (SYSREG_READ("cntvct_el0") < end) pause_vcpu();
  return __atomic_load_n(counter, __ATOMIC_ACQUIRE) == value;
}

static void check_sgis(unsigned vcpus) {
  int all = 1;
  for (unsigned to = 0; to < vcpus; to++)
    for (unsigned intid = 0; intid < 16; intid++) {
      const uint32_t before = counts.local[to][intid];
      gic_send_sgi(to, intid);
      all &= reaches(&counts.local[to][intid], before + 1);
    }
  check("every SGI reaches every vCPU", all);
}

static void check_timer(void) {
  const uint32_t before = counts.local[0][TIMER_PPI];
  SYSREG_WRITE("cntv_cval_el0", SYSREG_READ("cntvct_el0") + 1000);
  SYSREG_WRITE("cntv_ctl_el0", 1);
  isb();
  check("the virtual timer's PPI is taken", reaches(&counts.local[0][TIMER_PPI], before + 1));
}

static void check_spis(unsigned vcpus) {
  int all = 1;
  const volatile uint32_t *counter = &counts.spis[SPI - FIRST_SPI];
  gic_set_spi_edge(SPI);
  gic_enable(SPI, 1);
  for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) {
    const uint32_t before = *counter;
    gic_route_spi(SPI, vcpu);
    gic_pend_spi(SPI);
    all &= reaches(counter, before + 1) && counts.spi_vcpu[SPI - FIRST_SPI] == vcpu;
  }
  check("an SPI goes to the vCPU of its IROUTER", all);
  const uint32_t before = *counter;
  gic_enable(SPI, 0);
  gic_pend_spi(SPI);
  check("a disabled SPI is not taken", stays(counter, before));
  gic_enable(SPI, 1);
  check("a pending SPI is taken when it is enabled", reaches(counter, before + 1));
}

static int raise_and_take(unsigned event, unsigned vcpu) {
  const uint32_t before = counts.lpis[LPI(event) - FIRST_LPI];
  its_raise(DEVICE, event);
  return reaches(&counts.lpis[LPI(event) - FIRST_LPI], before + 1) && counts.lpi_vcpu[LPI(event) - FIRST_LPI] == vcpu;
}

static void check_lpis(unsigned vcpus) {
  int all = 1;
  its_map_device(DEVICE, 3);
  for (unsigned event = 0; event < EVENTS; event++) {
    its_map_event(DEVICE, event, LPI(event), event % vcpus);
    its_mask(DEVICE, event, LPI(event), event % vcpus, 0, 1);
    all &= raise_and_take(event, event % vcpus);
  }
  check("LPIs are taken by the vCPUs that their events are mapped to", all);

  all = 1;
  for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) {
    its_move(DEVICE, 1, vcpu, 1);
    all &= raise_and_take(1, vcpu);
  }
  check("MOVI moves an LPI to every vCPU", all);

  const volatile uint32_t *counter = &counts.lpis[LPI(2) - FIRST_LPI];
  const unsigned vcpu = 2 % vcpus;
  uint32_t before = *counter;
  its_mask(DEVICE, 2, LPI(2), vcpu, 1, 1);
  its_raise(DEVICE, 2);
  check("a masked LPI is not taken", stays(counter, before));
  its_mask(DEVICE, 2, LPI(2), vcpu, 0, 1);
  check("a pending LPI is taken after it is unmasked and INV", reaches(counter, before + 1));

  before = *counter;
  its_mask(DEVICE, 2, LPI(2), vcpu, 1, 1);
  its_raise(DEVICE, 2);
  its_clear(DEVICE, 2);
  its_mask(DEVICE, 2, LPI(2), vcpu, 0, 1);
  check("CLEAR takes the pending state of an LPI away", stays(counter, before));

  before = *counter;
  its_discard(DEVICE, 2);
  its_raise(DEVICE, 2);
  check("a discarded event raises nothing", stays(counter, before));
  its_map_event(DEVICE, 2, LPI(2), vcpu);
  check("an event that is mapped again raises its LPI", raise_and_take(2, vcpu));

  if (vcpus < 2) return;
  before = *counter;
  its_move(DEVICE, 2, 0, 1);
  its_mask(DEVICE, 2, LPI(2), 0, 1, 1);
  its_raise(DEVICE, 2);
  its_move(DEVICE, 2, 1, 1);
  its_mask(DEVICE, 2, LPI(2), 1, 0, 1);
  check("a pending LPI goes with its event to another vCPU",
        reaches(counter, before + 1) && counts.lpi_vcpu[LPI(2) - FIRST_LPI] == 1);
}

void run_checks(unsigned vcpus) {
  check_sgis(vcpus);
  check_timer();
  check_spis(vcpus);
  if (vcpus > 1) check("no store to a page arrives once it is unmapped", unmapped_is_unmapped(vcpus));
  const int has_its = its_init(vcpus);
  check("the ITS and the redistributors take their tables", has_its);
  if (has_its) check_lpis(vcpus);
  print("1..");
  print_number(done);
  print("\n");
  power_off(failed ? 1 : 0);
}
