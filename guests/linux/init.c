// The init of the Linux guest that `irqloom stress --guest linux` boots: no libc, system calls only.
// It loads the modules of the initial RAM disk, reads from every virtio device all the time, one request after the other, and
// meanwhile moves their interrupts between CPUs, takes CPUs offline and online, and unbinds and rebinds the block driver. A line
// on the console ends it. What it prints is read by the host, line by line:
//   stress: ready                      everything is at work
//   count NAME a,b,c                   what the kernel counted for an interrupt, by CPU, since its driver was bound
//   stress: reads KIND n               requests that came back
//   stress: moves n hotplugs n rebinds n
//   stress: misrouted NAME cpu a,b,c   an interrupt was taken by a CPU that its affinity excluded
//   stress: done                       power-off follows
#include <stdint.h>

enum {
  SYS_MKDIRAT = 34, SYS_MOUNT = 40, SYS_OPENAT = 56, SYS_CLOSE = 57, SYS_GETDENTS64 = 61, SYS_READ = 63, SYS_WRITE = 64,
  SYS_EXIT = 93, SYS_NANOSLEEP = 101, SYS_KILL = 129, SYS_REBOOT = 142, SYS_MMAP = 222, SYS_CLONE = 220, SYS_WAIT4 = 260,
  SYS_FINIT_MODULE = 273,
};
#define AT_FDCWD (-100)
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_DIRECT 0x10000
#define SIGCHLD 17
#define MAP_SHARED_ANONYMOUS 0x21
#define PROT_READ_WRITE 3
#define READS_BEFORE_REBIND 48
#define WHOLE_ROUND 6

struct shared {
  volatile uint32_t stop, reads_rng, reads_block, moves, hotplugs, rebinds;
  // While it is set, nobody but its owner may rely on the block device's interrupt being there.
  volatile uint32_t rebinding;
};
static struct shared *shared;
static uint8_t sector[4096] __attribute__((aligned(4096)));
static uint64_t state;

static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#define CALL(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)

static unsigned length(const char *text) {
  unsigned n = 0;
  while (text[n]) n++;
  return n;
}
static int begins(const char *text, const char *with) {
  while (*with && *text == *with) text++, with++;
  return *with == 0;
}
static char *append(char *to, const char *text) {
  while (*text) *to++ = *text++;
  *to = 0;
  return to;
}
static char *append_number(char *to, uint32_t value) {
  char digits[11];
  unsigned at = 10;
  digits[at] = 0;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  return append(to, digits + at);
}

// One write a line, so that lines of two processes do not mix.
static void say(const char *text) { CALL(SYS_WRITE, 1, text, length(text)); }

static int open_file(const char *path, int flags) { return (int)CALL(SYS_OPENAT, AT_FDCWD, path, flags); }
static long read_file(const char *path, char *into, unsigned most) {
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0) return fd;
  unsigned got = 0;
  for (long n; got < most - 1 && (n = CALL(SYS_READ, fd, into + got, most - 1 - got)) > 0; got += (unsigned)n) {}
  into[got] = 0;
  CALL(SYS_CLOSE, fd, 0, 0);
  return got;
}
static int write_file(const char *path, const char *text) {
  const int fd = open_file(path, O_WRONLY);
  if (fd < 0) return fd;
  const long n = CALL(SYS_WRITE, fd, text, length(text));
  CALL(SYS_CLOSE, fd, 0, 0);
  return n < 0 ? (int)n : 0;
}
static void sleep_ms(unsigned ms) {
  const uint64_t time[2] = {ms / 1000, ms % 1000 * 1000000ul};
  CALL(SYS_NANOSLEEP, time, 0, 0);
}
static uint32_t chance(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)((state >> 32) % below);
}

struct interrupt {
  unsigned number;
  char name[32];
};

// The interrupts of /proc/interrupts whose last word begins with `virtio`: at most `most`.
static unsigned find_interrupts(struct interrupt *found, unsigned most) {
  static char text[16384];
  unsigned count = 0;
  if (read_file("/proc/interrupts", text, sizeof text) < 0) return 0;
  for (char *line = text; *line && count < most;) {
    char *end = line;
    while (*end && *end != '\n') end++;
    char *word = end;
    while (word > line && word[-1] != ' ') word--;
    if (begins(word, "virtio")) {
      unsigned number = 0;
      for (const char *at = line; *at == ' ' || (*at >= '0' && *at <= '9'); at++)
        if (*at != ' ') number = number * 10 + (unsigned)(*at - '0');
      found[count].number = number;
      unsigned n = 0;
      while (word + n < end && n < sizeof found->name - 1) found[count].name[n] = word[n], n++;
      found[count++].name[n] = 0;
    }
    line = *end ? end + 1 : end;
  }
  return count;
}

static void counts_of(unsigned number, char *into, unsigned most) {
  char path[64];
  append(append_number(append(path, "/sys/kernel/irq/"), number), "/per_cpu_count");
  if (read_file(path, into, most) < 0) into[0] = 0;
  for (char *at = into; *at; at++)
    if (*at == '\n') *at = 0;
}

// Prints what was counted for the interrupts of a device, or of all.
static void report(const char *device) {
  struct interrupt found[32];
  const unsigned count = find_interrupts(found, 32);
  for (unsigned n = 0; n < count; n++) {
    char counts[256], line[384];
    if (!begins(found[n].name, device)) continue;
    counts_of(found[n].number, counts, sizeof counts);
    append(append(append(append(append(line, "count "), found[n].name), " "), counts), "\n");
    say(line);
  }
}

static uint32_t count_of_cpu(const char *counts, unsigned cpu) {
  for (; cpu && *counts; counts++)
    if (*counts == ',') cpu--;
  uint32_t value = 0;
  for (; *counts >= '0' && *counts <= '9'; counts++) value = value * 10 + (uint32_t)(*counts - '0');
  return value;
}
static unsigned cpus_of(const char *counts) {
  unsigned cpus = 1;
  for (; *counts; counts++)
    if (*counts == ',') cpus++;
  return cpus;
}

static void read_rng(void) {
  const int fd = open_file("/dev/hwrng", O_RDONLY);
  while (!shared->stop)
    if (CALL(SYS_READ, fd, sector, 64) > 0) shared->reads_rng++;
}

static void rebind(const char *name) {
  shared->rebinding = 1;
  report(name);
  write_file("/sys/bus/virtio/drivers/virtio_blk/unbind", name);
  write_file("/sys/bus/virtio/drivers/virtio_blk/bind", name);
  shared->rebinds++;
  shared->rebinding = 0;
}

static void read_block(const char *name) {
  while (!shared->stop) {
    const int fd = open_file("/dev/vda", O_RDONLY | O_DIRECT);
    if (fd < 0) {
      sleep_ms(1);
      continue;
    }
    for (unsigned n = 0; n < READS_BEFORE_REBIND && !shared->stop; n++)
      if (call(67, fd, (long)sector, sizeof sector, 4096 * (long)chance(64), 0, 0) == sizeof sector) shared->reads_block++;
    CALL(SYS_CLOSE, fd, 0, 0);
    if (!shared->stop) rebind(name);
  }
}

// Moves an interrupt to one CPU. Its driver has told the ITS when the write returns; after a moment for what was on its way, no
// other CPU may take it.
static void move(const struct interrupt *interrupt, unsigned cpu, unsigned look) {
  char path[64], mask[16], before[256], after[256], line[640];
  append(append_number(append(path, "/proc/irq/"), interrupt->number), "/smp_affinity_list");
  append_number(mask, cpu);
  const uint32_t rebinds = shared->rebinds;
  if (write_file(path, mask) < 0) return;
  shared->moves++;
  if (!look) return;
  sleep_ms(2);
  counts_of(interrupt->number, before, sizeof before);
  sleep_ms(4);
  counts_of(interrupt->number, after, sizeof after);
  // A driver that was bound anew has other interrupts, which may have the numbers of the old ones.
  if (shared->rebinding || shared->rebinds != rebinds || !before[0] || !after[0]) return;
  for (unsigned other = 0; other < cpus_of(after); other++) {
    if (other == cpu || count_of_cpu(after, other) <= count_of_cpu(before, other)) continue;
    char *at = append_number(append(append(append(line, "stress: misrouted "), interrupt->name), " "), cpu);
    append(append(append(append(append(at, " "), before), " "), after), "\n");
    say(line);
    return;
  }
}

static void set_online(unsigned cpu, const char *online) {
  char path[64];
  append(append_number(append(path, "/sys/devices/system/cpu/cpu"), cpu), "/online");
  if (write_file(path, online) == 0) shared->hotplugs++;
}

static void churn(void) {
  char counts[256];
  struct interrupt found[32];
  unsigned count = find_interrupts(found, 32);
  if (!count) return;
  counts_of(found[0].number, counts, sizeof counts);
  const unsigned cpus = cpus_of(counts);
  for (unsigned round = 0; !shared->stop; round++) {
    count = find_interrupts(found, 32);
    if (count) move(&found[chance(count)], chance(cpus), 1);
    if (cpus > 1 && round % WHOLE_ROUND == WHOLE_ROUND - 1) {
      const unsigned cpu = 1 + chance(cpus - 1);
      set_online(cpu, "0");
      for (unsigned n = 0; n < 4 && !shared->stop; n++) {
        count = find_interrupts(found, 32);
        if (count) move(&found[chance(count)], chance(cpus), 0);
        sleep_ms(1);
      }
      set_online(cpu, "1");
    }
  }
}

static int start(void) { return (int)call(SYS_CLONE, SIGCHLD, 0, 0, 0, 0, 0); }

static void load_modules(void) {
  char path[32];
  for (unsigned n = 0; n < 100; n++) {
    append(append_number(append(path, n < 10 ? "/m/0" : "/m/"), n), ".ko");
    const int fd = open_file(path, O_RDONLY);
    if (fd < 0) return;
    const long answer = CALL(SYS_FINIT_MODULE, fd, "", 0);
    if (answer < 0) {
      char line[64];
      append(append_number(append(append(append(line, "stress: module "), path), " error "), (uint32_t)-answer), "\n");
      say(line);
    }
    CALL(SYS_CLOSE, fd, 0, 0);
  }
}

static void say_number(const char *before, uint32_t value) {
  char line[64];
  append(append_number(append(append(line, "stress: "), before), value), "\n");
  say(line);
}

static void run(void) {
  call(SYS_MOUNT, (long)"d", (long)"/dev", (long)"devtmpfs", 0, 0, 0);
  call(SYS_MOUNT, (long)"p", (long)"/proc", (long)"proc", 0, 0, 0);
  call(SYS_MOUNT, (long)"s", (long)"/sys", (long)"sysfs", 0, 0, 0);
  shared = (struct shared *)call(SYS_MMAP, 0, 4096, PROT_READ_WRITE, MAP_SHARED_ANONYMOUS, -1, 0);
  load_modules();
  state = 0x9e3779b97f4a7c15ul;
  int children[3];
  if (!(children[0] = start())) {
    read_rng();
    CALL(SYS_EXIT, 0, 0, 0);
  }
  if (!(children[1] = start())) {
    read_block("virtio1");
    CALL(SYS_EXIT, 0, 0, 0);
  }
  if (!(children[2] = start())) {
    churn();
    CALL(SYS_EXIT, 0, 0, 0);
  }
  say("stress: ready\n");
  char key;
  CALL(SYS_READ, 0, &key, 1);
  shared->stop = 1;
  // A reader whose interrupt was lost never comes back: its device is looked at all the same.
  for (unsigned n = 0; n < 100; n++) sleep_ms(10);
  report("virtio");
  say_number("reads rng ", shared->reads_rng);
  say_number("reads block ", shared->reads_block);
  say_number("moves ", shared->moves);
  say_number("hotplugs ", shared->hotplugs);
  say_number("rebinds ", shared->rebinds);
  say("stress: done\n");
  call(SYS_REBOOT, 0xfee1dead, 672274793, 0x4321fedc, 0, 0, 0);
  for (;;) sleep_ms(1000);
}

_Noreturn void _start(void) {
  run();
  for (;;) sleep_ms(1000);
}
