// The board: where QEMU's `virt` has its frames, and irqloom too. One accessor for each width.
#pragma once
#include <stdint.h>

#define MAX_VCPUS_C 16u

#define GICD 0x08000000ul
#define GITS 0x08080000ul
#define GICR 0x080a0000ul
#define GICR_STRIDE 0x20000ul
#define UART 0x09000000ul
// irqloom only: where a guest tells the proof what its handlers and its driver do. See docs/arm64.md.
#define PROOF 0x0b000000ul
// irqloom explore only: a device whose MSI a write of EventID, with DeviceID in the upper half, asks for.
#define RINGER 0x0b010000ul

#define FIRST_SPI 32u
#define FIRST_LPI 8192u
#define SPURIOUS 1023u
#define TIMER_PPI 27u

static inline uint8_t read8(uintptr_t at) { return *(volatile uint8_t *)at; }
static inline void write8(uintptr_t at, uint8_t value) { *(volatile uint8_t *)at = value; }
static inline uint32_t read32(uintptr_t at) { return *(volatile uint32_t *)at; }
static inline void write32(uintptr_t at, uint32_t value) { *(volatile uint32_t *)at = value; }
static inline uint64_t read64(uintptr_t at) { return *(volatile uint64_t *)at; }
static inline void write64(uintptr_t at, uint64_t value) { *(volatile uint64_t *)at = value; }

#define SYSREG_READ(name) ({ uint64_t value_; __asm__ volatile("mrs %0, " name : "=r"(value_) : : "memory"); value_; })
#define SYSREG_WRITE(name, value) __asm__ volatile("msr " name ", %0" : : "r"((uint64_t)(value)) : "memory")
static inline void isb(void) { __asm__ volatile("isb" : : : "memory"); }
static inline void barrier(void) { __asm__ volatile("dsb sy" : : : "memory"); }
static inline void wait_for_interrupt(void) { __asm__ volatile("wfi" : : : "memory"); }
static inline void pause_vcpu(void) { __asm__ volatile("yield" : : : "memory"); }
static inline void interrupts_on(void) { __asm__ volatile("msr daifclr, #2" : : : "memory"); }
static inline void interrupts_off(void) { __asm__ volatile("msr daifset, #2" : : : "memory"); }
static inline unsigned this_vcpu(void) { return (unsigned)SYSREG_READ("tpidr_el1"); }

// console.c
void print(const char *text);
void print_number(uint64_t value);
void print_hex(uint64_t value);
_Noreturn void power_off(unsigned status);
unsigned long hvc(unsigned long function, unsigned long a, unsigned long b, unsigned long c);
void semihost(unsigned long operation, const void *block);

// gic.c
unsigned find_vcpus(void);
uint64_t affinity_of(unsigned vcpu);
void gic_init(void);
void gic_init_vcpu(unsigned vcpu);
void gic_send_sgi(unsigned vcpu, unsigned intid);
void gic_route_spi(unsigned intid, unsigned vcpu);
void gic_set_spi_edge(unsigned intid);
void gic_enable(unsigned intid, int on);
void gic_pend_spi(unsigned intid);

// its.c
int its_init(unsigned vcpus);
void its_map_device(unsigned device, unsigned event_bits);
void its_map_event(unsigned device, unsigned event, unsigned lpi, unsigned vcpu);
void its_discard(unsigned device, unsigned event);
void its_raise(unsigned device, unsigned event);
void its_clear(unsigned device, unsigned event);
void its_move(unsigned device, unsigned event, unsigned vcpu, int sync);
void its_move_all(unsigned from, unsigned to);
void its_invalidate(unsigned device, unsigned event, unsigned vcpu, int sync);
void its_settle(void);
void its_mask(unsigned device, unsigned event, unsigned lpi, unsigned vcpu, int masked, int invalidate);

// tlb.c
_Noreturn void serve_stores(unsigned vcpu);
int is_expected_fault(uint64_t esr, uint64_t far);
int unmapped_is_unmapped(unsigned vcpus);

// checks.c, stress.c, race.c, latency.c
void run_checks(unsigned vcpus);
void run_stress(unsigned vcpus);
void set_up_race(void);
void run_race(unsigned vcpus);
void run_race_worker(unsigned vcpu);
void run_latency(unsigned vcpus);
_Noreturn void watch_latency(void);
void note_handler(void);

// main.c
#define COUNTED_SPIS 64u
#define COUNTED_LPIS 1024u
// What the guest has taken, by vCPU and INTID; the host finds it by the address that the console and PROOF name.
struct counts {
  volatile uint32_t local[MAX_VCPUS_C][32];
  volatile uint32_t spis[COUNTED_SPIS];
  volatile uint32_t lpis[COUNTED_LPIS];
  volatile uint8_t spi_vcpu[COUNTED_SPIS];
  volatile uint8_t lpi_vcpu[COUNTED_LPIS];
};
extern struct counts counts;
extern volatile int stressing;
// By vCPU: odd while it is in its handler.
extern volatile uint32_t handlers[MAX_VCPUS_C];
uint64_t argument(const char *name, uint64_t otherwise);
int flag(const char *name);
int argument_is(const char *name, const char *value);
