/*
 * The /init of the oracle's guest: drives the real /dev/kvm of the kernel that it runs on, by one command a line on the serial
 * console. Numbers are hexadecimal. A command that answers prints one line that starts with "="; the others print nothing. A line
 * that starts with "!" says what went wrong.
 *
 *   N vcpus itses vms           new VMs, and VM 0 is in use; the old ones end
 *   h vm                        the VM that the next commands concern  Y                       = the kernel's release
 *   j vm                        copies all memory of that VM into the one in use
 *   R cpu address bytes         = a load by that vCPU                 W cpu address bytes value  a store by that vCPU
 *   G cpu mrs                   = an MRS of x0 by that vCPU           S cpu msr value            an MSR of x2 by that vCPU
 *   Z                           every vCPU runs one NOP             t cpu most               = INTIDs that its guest takes by the vector
 *   F address bytes byte        fills guest memory                    M address hex              writes guest memory
 *   Q address bytes             = guest memory, in hexadecimal
 *   L irq level                 = errno of KVM_IRQ_LINE               I doorbell data devid flags  = errno, result of KVM_SIGNAL_MSI
 *   P                           = cpu:lpi of each pending LPI, by KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES
 *   A call dev group attr value = errno, value; call g, s or h of KVM_{GET,SET,HAS}_DEVICE_ATTR; dev 0 the vGIC, 1 and 2 an ITS
 *   C type                      = errno of KVM_CREATE_DEVICE, the new device's number
 *   B vcpus                     a bare VM: vCPUs and memory, no interrupt controller
 *   V id                        = errno of KVM_CREATE_VCPU
 *   O call cpu id value         = errno, value; call g or s of KVM_{GET,SET}_ONE_REG
 *   H call cpu group attr value = errno, value; call g, s or h of KVM_{GET,SET,HAS}_DEVICE_ATTR of a vCPU
 *   J cpu                       = errno of KVM_RUN with immediate_exit: 4 where the vCPU would run
 *   c offset reserved           = errno of KVM_ARM_SET_COUNTER_OFFSET
 *   E                           = an eventfd's number                 D fd value                 = errno of write(2)
 *   U fd                        = errno, count of read(2)
 *   K fd gsi flags resamplefd   = errno of KVM_IRQFD
 *   T n gsi type a b c d flags… = errno of KVM_SET_GSI_ROUTING with n entries
 *   X trials program…           = outcomes of two vCPUs at once: see run_together()
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#define RAM 0x40000000ull
#define RAM_BYTES (128ull << 20)
#define CODE(cpu) (0x1000ull + (cpu) * 0x1000ull)
#define MAILBOX 0x800
#define EXIT_ADDRESS 0x0a000000ull
#define GICD 0x08000000ull
#define GICR 0x080a0000ull
#define GITS 0x08080000ull
#define GITS1 0x0c100000ull
#define MOST_CPUS 32
#define MOST_DEVICES 8

/* A VM; `it` is the one that commands concern. */
static struct machine {
  int vm, cpus, vcpu[MOST_CPUS], device[MOST_DEVICES], devices;
  struct kvm_run *run[MOST_CPUS];
  uint8_t *ram;
} machines[2] = { { .vm = -1 }, { .vm = -1 } }, *it = machines;
static int kvm, run_bytes;

/* ---- what a vCPU runs: x3 is its mailbox, x4 an address that exits to userspace */
extern uint32_t guest_step[], guest_slot[], guest_step_end[], guest_taking[], guest_taking_end[], guest_vectors[], guest_vectors_end[];
asm(".pushsection .rodata\n.balign 4\n.globl guest_step, guest_slot, guest_step_end, guest_taking, guest_taking_end, guest_vectors, guest_vectors_end\n"
    "guest_step:  ldp x1, x2, [x3]\n ic iallu\n dsb sy\n isb\n"
    "guest_slot:  nop\n dsb sy\n isb\n str x0, [x4]\n b guest_step\n"
    "guest_step_end:\n"
    "guest_taking: msr vbar_el1, x9\n isb\n msr daifclr, #2\n"
    "1: subs x5, x5, #1\n b.ne 1b\n msr daifset, #2\n str x15, [x4]\n b .\n"
    "guest_taking_end:\n"
    /* Vectors: an IRQ is acknowledged, logged at [x11]++ and ended, until x11 is x12; x15 counts the spurious ones. */
    "guest_vectors:\n .rept 0x280 / 4\n b .\n .endr\n"
    " mrs x10, S3_0_C12_C12_0\n cmp w10, #1020\n b.hs 1f\n str w10, [x11], #4\n b 2f\n"
    "1: mov w14, #8192\n cmp w10, w14\n b.lo 3f\n str w10, [x11], #4\n"
    "2: msr S3_0_C12_C12_1, x10\n isb\n cmp x11, x12\n b.hs 4f\n eret\n"
    "3: add x15, x15, #1\n cmp x15, #16\n b.hs 4f\n eret\n"
    "4: str x15, [x4]\n b .\n"
    "guest_vectors_end:\n.popsection\n");

#define CORE(f) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(f))

static void set_reg(int cpu, uint64_t id, uint64_t value) {
  struct kvm_one_reg reg = { .id = id, .addr = (uint64_t)&value };
  if (ioctl(it->vcpu[cpu], KVM_SET_ONE_REG, &reg)) printf("! KVM_SET_ONE_REG %llx: %s\n", (unsigned long long)id, strerror(errno));
}

static int attribute(int fd, char call, uint32_t group, uint64_t attr, void *value) {
  struct kvm_device_attr each = { .group = group, .attr = attr, .addr = (uint64_t)value };
  int r = ioctl(fd, call == 'g' ? KVM_GET_DEVICE_ATTR : call == 's' ? KVM_SET_DEVICE_ATTR : KVM_HAS_DEVICE_ATTR, &each);
  return r ? errno : 0;
}

static void must(int fd, uint32_t group, uint64_t attr, uint64_t value) {
  int failed = attribute(fd, 's', group, attr, &value);
  if (failed) printf("! attribute %u %llx: %s\n", group, (unsigned long long)attr, strerror(failed));
}

static int create_device(uint32_t type) {
  struct kvm_create_device made = { .type = type };
  if (ioctl(it->vm, KVM_CREATE_DEVICE, &made)) return -errno;
  it->device[it->devices] = made.fd;
  return it->devices++;
}

static int create_vcpu(uint64_t id) {
  int fd = ioctl(it->vm, KVM_CREATE_VCPU, id);
  if (fd < 0) return errno;
  int cpu = it->cpus++;
  it->vcpu[cpu] = fd;
  it->run[cpu] = mmap(0, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  struct kvm_vcpu_init init;
  memset(&init, 0, sizeof init);
  ioctl(it->vm, KVM_ARM_PREFERRED_TARGET, &init);
  init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
  if (ioctl(fd, KVM_ARM_VCPU_INIT, &init)) printf("! KVM_ARM_VCPU_INIT: %s\n", strerror(errno));
  uint64_t at = CODE(cpu);
  memcpy(it->ram + at, guest_step, (guest_step_end - guest_step) * 4);
  set_reg(cpu, CORE(regs.pc), RAM + at);
  set_reg(cpu, CORE(regs.regs[3]), RAM + at + MAILBOX);
  set_reg(cpu, CORE(regs.regs[4]), EXIT_ADDRESS);
  return 0;
}

static void end_vms(void) {
  for (it = machines; it < machines + 2; it++) {
    if (it->vm < 0) continue;
    for (int i = 0; i < it->cpus; i++) { munmap(it->run[i], run_bytes); close(it->vcpu[i]); }
    for (int i = 0; i < it->devices; i++) close(it->device[i]);
    close(it->vm);
    it->vm = -1, it->cpus = 0, it->devices = 0;
  }
  it = machines;
  for (int fd = 64; fd < 128; fd++) close(fd);
}

static void bare_vm(int n) {
  it->vm = ioctl(kvm, KVM_CREATE_VM, 0);
  madvise(it->ram, RAM_BYTES, MADV_DONTNEED);
  struct kvm_userspace_memory_region slot = { .guest_phys_addr = RAM, .memory_size = RAM_BYTES, .userspace_addr = (uint64_t)it->ram };
  if (ioctl(it->vm, KVM_SET_USER_MEMORY_REGION, &slot)) printf("! memory: %s\n", strerror(errno));
  for (int i = 0; i < n; i++) create_vcpu(i);
}

static void create_its(uint64_t address) {
  int its = it->device[create_device(KVM_DEV_TYPE_ARM_VGIC_ITS)];
  must(its, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, address);
  must(its, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
}

static void new_vms(int n, int itses, int vms) {
  end_vms();
  for (it = machines; it < machines + vms; it++) {
    bare_vm(n);
    int gic = it->device[create_device(KVM_DEV_TYPE_ARM_VGIC_V3)];
    must(gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD);
    must(gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, GICR);
    must(gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, 256);
    must(gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
    create_its(GITS);
    if (itses > 1) create_its(GITS1);
  }
  it = machines;
}

/* Copies what is not zero: the rest of the memory stays untouched on both sides. */
static void copy_ram(const struct machine *from) {
  enum { PAGE = 4096 };
  static const uint8_t zeros[PAGE];
  for (uint64_t at = 0; at < RAM_BYTES; at += PAGE)
    if (memcmp(from->ram + at, zeros, PAGE) || memcmp(it->ram + at, zeros, PAGE)) memcpy(it->ram + at, from->ram + at, PAGE);
}

/* Runs one instruction on a vCPU, x1 and x2 given; what is in x0 then. */
static uint64_t step(int cpu, uint32_t code, uint64_t x1, uint64_t x2) {
  uint8_t *page = it->ram + CODE(cpu);
  uint64_t args[2] = { x1, x2 }, value = 0;
  memcpy(page + (guest_slot - guest_step) * 4, &code, 4);
  memcpy(page + MAILBOX, args, 16);
  __builtin___clear_cache((char *)page, (char *)page + 64);
  for (int tries = 0; tries < 1000; tries++) {
    if (ioctl(it->vcpu[cpu], KVM_RUN, 0)) {
      if (errno == EINTR) continue;
      printf("! KVM_RUN: %s\n", strerror(errno));
      return 0;
    }
    if (it->run[cpu]->exit_reason == KVM_EXIT_MMIO && it->run[cpu]->mmio.is_write && it->run[cpu]->mmio.phys_addr == EXIT_ADDRESS) {
      memcpy(&value, it->run[cpu]->mmio.data, 8);
      return value;
    }
    printf("! exit %d at %llx\n", it->run[cpu]->exit_reason, (unsigned long long)it->run[cpu]->mmio.phys_addr);
    return 0;
  }
  printf("! the vCPU did not leave the guest\n");
  return 0;
}

/* Lets a vCPU go on at `pc` with its interrupts masked. */
static void go_to(int cpu, uint64_t pc) {
  /* The store that the vCPU left the guest with ends first. */
  it->run[cpu]->immediate_exit = 1, ioctl(it->vcpu[cpu], KVM_RUN, 0), it->run[cpu]->immediate_exit = 0;
  set_reg(cpu, CORE(regs.pc), pc);
  set_reg(cpu, CORE(regs.pstate), 0x3c5);
}

/* Runs a vCPU until its guest stores to EXIT_ADDRESS. */
static void run_out(int cpu) {
  while (ioctl(it->vcpu[cpu], KVM_RUN, 0))
    if (errno != EINTR) { printf("! KVM_RUN: %s\n", strerror(errno)); return; }
  const struct kvm_run *left = it->run[cpu];
  if (left->exit_reason != KVM_EXIT_MMIO || left->mmio.phys_addr != EXIT_ADDRESS)
    printf("! exit %d at %llx\n", left->exit_reason, (unsigned long long)left->mmio.phys_addr);
}

static void take(int cpu, int most) {
  enum { VECTORS = 0x100000, PAGES = 0x110000, TURNS = 3000 };
  uint64_t page = PAGES + cpu * 0x2000ull, log = page + 0x1000;
  if (most > 1000) most = 1000;
  memcpy(it->ram + VECTORS, guest_vectors, (guest_vectors_end - guest_vectors) * 4);
  memcpy(it->ram + page, guest_taking, (guest_taking_end - guest_taking) * 4);
  memset(it->ram + log, 0, 0x1000);
  __builtin___clear_cache((char *)it->ram + VECTORS, (char *)it->ram + page + 0x1000);
  go_to(cpu, RAM + page);
  const uint64_t given[][2] = { { 5, TURNS }, { 9, RAM + VECTORS }, { 11, RAM + log }, { 12, RAM + log + most * 4 }, { 15, 0 } };
  for (int i = 0; i < 5; i++) set_reg(cpu, CORE(regs.regs[0]) + given[i][0] * (CORE(regs.regs[1]) - CORE(regs.regs[0])), given[i][1]);
  run_out(cpu);
  go_to(cpu, RAM + CODE(cpu));
  printf("= ");
  const uint32_t *taken = (const uint32_t *)(it->ram + log);
  /* INTID 0 is an SGI: the end is where the guest's x11 points. */
  uint64_t end = 0;
  struct kvm_one_reg reg = { .id = CORE(regs.regs[11]), .addr = (uint64_t)&end };
  ioctl(it->vcpu[cpu], KVM_GET_ONE_REG, &reg);
  for (uint64_t i = 0; i < (end - RAM - log) / 4; i++) printf("%s%u", i ? " " : "", taken[i]);
  printf("\n");
}

static uint64_t load_at(int cpu, uint64_t address, int bytes) {
  return step(cpu, bytes == 1 ? 0x39400020 : bytes == 2 ? 0x79400020 : bytes == 4 ? 0xb9400020 : 0xf9400020, address, 0);
}

static void store_at(int cpu, uint64_t address, int bytes, uint64_t value) {
  step(cpu, bytes == 1 ? 0x39000022 : bytes == 2 ? 0x79000022 : bytes == 4 ? 0xb9000022 : 0xf9000022, address, value);
}

/* Pending LPIs, by saving the pending tables and restoring the memory that they lie in. */
static void pending(void) {
  enum { BYTES = 0x2000, FIRST = 0x400 };
  static uint8_t kept[MOST_CPUS][BYTES];
  uint64_t table[MOST_CPUS];
  for (int i = 0; i < it->cpus; i++) {
    uint32_t low = 0, high = 0;
    attribute(it->device[0], 'g', KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, (uint64_t)i << 32 | 0x78, &low);
    attribute(it->device[0], 'g', KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, (uint64_t)i << 32 | 0x7c, &high);
    table[i] = ((uint64_t)high << 32 | low) & 0xfffffffff0000ull;
    table[i] = table[i] >= RAM && table[i] + BYTES <= RAM + RAM_BYTES ? table[i] - RAM : 0;
    if (!table[i]) continue;
    memcpy(kept[i], it->ram + table[i], BYTES);
    memset(it->ram + table[i] + FIRST, 0, BYTES - FIRST);
  }
  int failed = attribute(it->device[0], 's', KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, 0);
  printf("= %d", failed);
  for (int i = 0; i < it->cpus; i++) {
    if (!table[i]) continue;
    for (int at = FIRST; at < BYTES; at += 8) {
      uint64_t bits;
      memcpy(&bits, it->ram + table[i] + at, 8);
      for (; bits; bits &= bits - 1) printf(" %d:%d", i, at * 8 + __builtin_ctzll(bits));
    }
    memcpy(it->ram + table[i], kept[i], BYTES);
  }
  printf("\n");
}

static int set_routing(char *text) {
  int n = strtoul(text, &text, 16);
  struct kvm_irq_routing *table = calloc(1, sizeof *table + n * sizeof table->entries[0]);
  table->nr = n;
  for (int i = 0; i < n; i++) {
    struct kvm_irq_routing_entry *entry = &table->entries[i];
    entry->gsi = strtoul(text, &text, 16);
    entry->type = strtoul(text, &text, 16);
    uint32_t *words = (uint32_t *)&entry->u;
    for (int word = 0; word < 4; word++) words[word] = strtoul(text, &text, 16);
    entry->flags = strtoul(text, &text, 16);
  }
  int failed = ioctl(it->vm, KVM_SET_GSI_ROUTING, table) ? errno : 0;
  free(table);
  return failed;
}

/*
 * Two vCPUs at once. X trials, then for each of two vCPUs: cpu, how many stores, and for each store address, bytes, value; then how
 * many lines userspace drives meanwhile, and for each irq and level. Every trial both vCPUs take interrupts by the vectors, store
 * in their own order, and wait a little; each trial prints what each vCPU took, in order.
 */
typedef struct { int cpu; uint64_t entry; } Runner;

static void *run_one(void *given) {
  Runner *runner = given;
  for (;;) {
    int r = ioctl(it->vcpu[runner->cpu], KVM_RUN, 0);
    if (r && errno == EINTR) continue;
    if (r || it->run[runner->cpu]->exit_reason != KVM_EXIT_MMIO) printf("! together: exit %d errno %d\n", it->run[runner->cpu]->exit_reason, r ? errno : 0);
    return 0;
  }
}

static uint32_t *emit(uint32_t *at, int rd, uint64_t value) {
  for (int part = 0; part < 4; part++) *at++ = (part ? 0xf2800000 : 0xd2800000) | part << 21 | (uint32_t)(value >> (16 * part) & 0xffff) << 5 | rd;
  return at;
}

static void run_together(char *text) {
  int trials = strtoul(text, &text, 16);
  struct { uint64_t address, value; int bytes; } stores[2][16];
  int count[2], who[2];
  for (int side = 0; side < 2; side++) {
    who[side] = strtoul(text, &text, 16), count[side] = strtoul(text, &text, 16);
    for (int i = 0; i < count[side]; i++) {
      stores[side][i].address = strtoull(text, &text, 16);
      stores[side][i].bytes = strtoul(text, &text, 16);
      stores[side][i].value = strtoull(text, &text, 16);
    }
  }
  int lines = strtoul(text, &text, 16);
  struct kvm_irq_level line[16];
  for (int i = 0; i < lines; i++) line[i].irq = strtoul(text, &text, 16), line[i].level = strtoul(text, &text, 16);
  uint64_t vectors = 0x100000, pages = 0x110000;
  memcpy(it->ram + vectors, guest_vectors, (guest_vectors_end - guest_vectors) * 4);
  for (int trial = 0; trial < trials; trial++) {
    pthread_t threads[2];
    Runner runners[2];
    for (int side = 0; side < 2; side++) {
      uint64_t page = pages + side * 0x2000, log = page + 0x1000;
      uint32_t *at = (uint32_t *)(it->ram + page);
      memset(it->ram + log, 0, 0x1000);
      *at++ = 0xd5184009 | 0; /* placeholder, replaced below */
      at--;
      at = emit(at, 9, RAM + vectors);
      *at++ = 0xd518c009; /* msr vbar_el1, x9 */
      at = emit(at, 11, RAM + log);
      at = emit(at, 15, 0);
      *at++ = 0xd50342ff; /* msr daifclr, #2 */
      at = emit(at, 5, trial * 7 % 400 * (side ? 1 : 0) + (side ? 0 : 200)); /* a delay that differs from trial to trial */
      *at++ = 0xd10004a5; /* sub x5, x5, #1 */
      *at++ = 0xb5ffffe5; /* cbnz x5, . - 4 */
      for (int i = 0; i < count[side]; i++) {
        at = emit(at, 1, stores[side][i].address);
        at = emit(at, 2, stores[side][i].value);
        *at++ = stores[side][i].bytes == 1 ? 0x39000022 : stores[side][i].bytes == 2 ? 0x79000022 : stores[side][i].bytes == 4 ? 0xb9000022 : 0xf9000022;
      }
      at = emit(at, 5, 20000);
      *at++ = 0xd10004a5;
      *at++ = 0xb5ffffe5;
      *at++ = 0xd50342df; /* msr daifset, #2 */
      *at++ = 0xd5033f9f; /* dsb sy */
      *at++ = 0xf900008f; /* str x15, [x4] */
      __builtin___clear_cache((char *)it->ram + page, (char *)it->ram + page + 0x1000);
      set_reg(who[side], CORE(regs.pc), RAM + page);
      runners[side] = (Runner){ who[side], 0 };
      /* finish the store that the vCPU left the guest with */
      it->run[who[side]]->immediate_exit = 1, ioctl(it->vcpu[who[side]], KVM_RUN, 0), it->run[who[side]]->immediate_exit = 0;
      set_reg(who[side], CORE(regs.pc), RAM + page);
    }
    for (int side = 0; side < 2; side++) pthread_create(&threads[side], 0, run_one, &runners[side]);
    for (int i = 0; i < lines; i++) ioctl(it->vm, KVM_IRQ_LINE, &line[i]);
    for (int side = 0; side < 2; side++) pthread_join(threads[side], 0);
    printf("=");
    for (int side = 0; side < 2; side++) {
      uint32_t *log = (uint32_t *)(it->ram + pages + side * 0x2000 + 0x1000);
      printf(" %d:", who[side]);
      for (int i = 0; i < 64 && log[i]; i++) printf("%s%u", i ? "," : "", log[i]);
      uint64_t pc = RAM + CODE(who[side]);
      it->run[who[side]]->immediate_exit = 1, ioctl(it->vcpu[who[side]], KVM_RUN, 0), it->run[who[side]]->immediate_exit = 0;
      set_reg(who[side], CORE(regs.pc), pc);
    }
    printf("\n");
  }
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static uint8_t *memory(uint64_t address, uint64_t bytes) {
  return address >= RAM && bytes <= RAM_BYTES && address - RAM <= RAM_BYTES - bytes ? it->ram + (address - RAM) : 0;
}

static void obey(char *line) {
  unsigned long long a = 0, b = 0, c = 0, d = 0;
  char call = 0, *rest = line + 1;
  switch (line[0]) {
    case 'N': b = c = 1; sscanf(rest, "%llx %llx %llx", &a, &b, &c); new_vms(a, b, c > 2 ? 2 : c); return;
    case 'h': sscanf(rest, "%llx", &a); it = &machines[a & 1]; return;
    case 'j': sscanf(rest, "%llx", &a); copy_ram(&machines[a & 1]); return;
    case 'B': sscanf(rest, "%llx", &a); end_vms(); bare_vm(a); return;
    case 'Y': { struct utsname name; uname(&name); printf("= %s\n", name.release); return; }
    case 'V': sscanf(rest, "%llx", &a); printf("= %d\n", create_vcpu(a)); return;
    case 'C': { sscanf(rest, "%llx", &a); int made = create_device(a); printf("= %d %d\n", made < 0 ? -made : 0, made); return; }
    case 'R': sscanf(rest, "%llx %llx %llx", &a, &b, &c); printf("= %llx\n", (unsigned long long)load_at(a, b, c)); return;
    case 'W': sscanf(rest, "%llx %llx %llx %llx", &a, &b, &c, &d); store_at(a, b, c, d); return;
    case 'G': sscanf(rest, "%llx %llx", &a, &b); printf("= %llx\n", (unsigned long long)step(a, b, 0, 0)); return;
    case 'S': sscanf(rest, "%llx %llx %llx", &a, &b, &c); step(a, b, 0, c); return;
    case 't': sscanf(rest, "%llx %llx", &a, &b); take(a, b); return;
    case 'Z': for (int i = 0; i < it->cpus; i++) step(i, 0xd503201f, 0, 0); return;
    case 'F': sscanf(rest, "%llx %llx %llx", &a, &b, &c); if (memory(a, b)) memset(memory(a, b), c, b); return;
    case 'M': {
      a = strtoull(rest, &rest, 16);
      for (rest++; rest[0] && rest[1]; rest += 2, a++) if (memory(a, 1)) *memory(a, 1) = hex_digit(rest[0]) * 16 + hex_digit(rest[1]);
      return;
    }
    case 'Q': {
      sscanf(rest, "%llx %llx", &a, &b);
      printf("= ");
      for (; b; b--, a++) printf("%02x", memory(a, 1) ? *memory(a, 1) : 0);
      printf("\n");
      return;
    }
    case 'L': {
      sscanf(rest, "%llx %llx", &a, &b);
      struct kvm_irq_level level = { .irq = a, .level = b };
      printf("= %d\n", ioctl(it->vm, KVM_IRQ_LINE, &level) < 0 ? errno : 0);
      return;
    }
    case 'I': {
      sscanf(rest, "%llx %llx %llx %llx", &a, &b, &c, &d);
      struct kvm_msi msi = { .address_lo = a, .address_hi = a >> 32, .data = b, .devid = c, .flags = d };
      int r = ioctl(it->vm, KVM_SIGNAL_MSI, &msi);
      printf("= %d %d\n", r < 0 ? errno : 0, r < 0 ? 0 : r);
      return;
    }
    case 'P': pending(); return;
    case 'A': {
      uint64_t group, value;
      sscanf(rest, " %c %llx %llx %llx %llx", &call, &a, &b, &c, &d);
      group = b, value = d;
      int failed = a < (unsigned)it->devices ? attribute(it->device[a], call, group, c, &value) : EBADF;
      printf("= %d %llx\n", failed, (unsigned long long)value);
      return;
    }
    case 'O': {
      sscanf(rest, " %c %llx %llx %llx", &call, &a, &b, &c);
      uint64_t value = c;
      struct kvm_one_reg reg = { .id = b, .addr = (uint64_t)&value };
      int r = ioctl(it->vcpu[a], call == 'g' ? KVM_GET_ONE_REG : KVM_SET_ONE_REG, &reg);
      printf("= %d %llx\n", r ? errno : 0, (unsigned long long)value);
      return;
    }
    case 'H': {
      uint64_t value;
      sscanf(rest, " %c %llx %llx %llx %llx", &call, &a, &b, &c, &d);
      value = d;
      int failed = a < (unsigned)it->cpus ? attribute(it->vcpu[a], call, b, c, &value) : EBADF;
      printf("= %d %llx\n", failed, (unsigned long long)value);
      return;
    }
    case 'J': {
      sscanf(rest, "%llx", &a);
      it->run[a]->immediate_exit = 1;
      int failed = ioctl(it->vcpu[a], KVM_RUN, 0) ? errno : 0;
      it->run[a]->immediate_exit = 0;
      printf("= %d\n", failed);
      return;
    }
    case 'c': {
      sscanf(rest, "%llx %llx", &a, &b);
      uint64_t offset[2] = { a, b };
      printf("= %d\n", ioctl(it->vm, _IOW(KVMIO, 0xb5, uint64_t[2]), offset) ? errno : 0);
      return;
    }
    case 'E': { int fd = eventfd(0, EFD_NONBLOCK), moved = fcntl(fd, F_DUPFD, 64); close(fd); printf("= %d\n", moved); return; }
    case 'D': { sscanf(rest, "%llx %llx", &a, &b); uint64_t value = b; printf("= %d\n", write(a, &value, 8) < 0 ? errno : 0); return; }
    case 'U': { sscanf(rest, "%llx", &a); uint64_t value = 0; int r = read(a, &value, 8); printf("= %d %llx\n", r < 0 ? errno : 0, (unsigned long long)value); return; }
    case 'K': {
      sscanf(rest, "%llx %llx %llx %llx", &a, &b, &c, &d);
      struct kvm_irqfd irqfd = { .fd = a, .gsi = b, .flags = c, .resamplefd = d };
      printf("= %d\n", ioctl(it->vm, KVM_IRQFD, &irqfd) ? errno : 0);
      return;
    }
    case 'T': printf("= %d\n", set_routing(rest)); return;
    case 'X': run_together(rest); return;
    default: printf("! unknown command %s\n", line);
  }
}

int main(void) {
  mkdir("/dev", 0755);
  mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
  int fd = open("/dev/ttyAMA0", O_RDWR);
  if (fd < 0) { mknod("/dev/ttyAMA0", S_IFCHR | 0600, makedev(204, 64)); fd = open("/dev/ttyAMA0", O_RDWR); }
  dup2(fd, 0), dup2(fd, 1), dup2(fd, 2);
  struct termios raw;
  tcgetattr(0, &raw), cfmakeraw(&raw), tcsetattr(0, TCSANOW, &raw);
  static char buffer[1 << 14], line[1 << 16];
  setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
  kvm = open("/dev/kvm", O_RDWR);
  run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  for (int i = 0; i < 2; i++)
    machines[i].ram = mmap(0, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("\n= ready %d\n", kvm < 0 ? -1 : ioctl(kvm, KVM_GET_API_VERSION, 0));
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\r\n")] = 0;
    obey(line);
  }
  for (;;) pause();
}
