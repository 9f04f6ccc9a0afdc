// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's only program: PID 1
 *
 * Finds the mram PCI function, uses it as a guest's driver would, and prints
 * what it found as lines "GUEST: ok N - ..." on its console.  With "mram=busy"
 * on the kernel's command line it then goes on for ever, using the device and
 * printing heartbeats, so that somebody can take the device away meanwhile.
 * With "mram=eject" it also does what ACPI would do in a larger guest: when
 * the machine asks for the device to be unplugged, it lets it go.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "mram_guest.h"
#include "mram_regs.h"
#include "vfio_mdev_ids.h"

#define SYS_PCI		"/sys/bus/pci/devices"
#define COPY_BYTES	20000	/* some pages, and not a round number of them */
#define IRQ_TIMEOUT_MS	20000
#define GONE_TIMEOUT_MS	5000

static char pci_dir[64];
static volatile uint32_t *bell;
static volatile uint8_t *ram;
static uint32_t ram_bytes;
static int drv_fd = -1;
static uint8_t *dma;
static struct mram_guest_info info;
static uint32_t irqs;
static int nr, failed;

static void check(bool good, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("GUEST: %s %d - %s\n", good ? "ok" : "not ok", ++nr, text);
	failed += !good;
}

static void finish(void)
{
	printf("GUEST: done %d tests, %d failed\n", nr, failed);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void need(bool good, const char *what)
{
	if (good)
		return;
	check(false, "%s: %s", what, strerror(errno));
	finish();
}

static uint32_t reg_read(unsigned int reg)
{
	return bell[reg / 4];
}

static void reg_write(unsigned int reg, uint32_t value)
{
	bell[reg / 4] = value;
}

static void fill(volatile uint8_t *to, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = seed >> 24;
	}
}

/* FNV-1a */
static uint32_t checksum(const volatile uint8_t *from, size_t len)
{
	uint32_t sum = 2166136261u;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (sum ^ from[i]) * 16777619u;
	return sum;
}

static unsigned int read_hex(const char *name, const char *attr)
{
	char path[320], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), SYS_PCI "/%s/%s", name, attr);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return strtoul(text, NULL, 16);
}

static void find_function(void)
{
	DIR *dir = opendir(SYS_PCI);
	struct dirent *entry;

	need(dir, SYS_PCI);
	while ((entry = readdir(dir))) {
		if (read_hex(entry->d_name, "vendor") != VFIO_MDEV_PCI_VENDOR ||
		    read_hex(entry->d_name, "device") !=
		    VFIO_MDEV_PCI_DEVICE_MRAM)
			continue;
		snprintf(pci_dir, sizeof(pci_dir), SYS_PCI "/%.40s",
			 entry->d_name);
		check(read_hex(entry->d_name, "class") == VFIO_MDEV_PCI_CLASS,
		      "found the PCI function at %.40s", entry->d_name);
	}
	closedir(dir);
	errno = ENODEV;
	need(pci_dir[0], "find the PCI function");
}

static volatile void *map_bar(unsigned int bar, size_t *bytes)
{
	char path[128];
	struct stat st;
	void *addr;
	int fd;

	snprintf(path, sizeof(path), "%s/resource%u", pci_dir, bar);
	fd = open(path, O_RDWR | O_SYNC);
	need(fd >= 0 && !fstat(fd, &st), path);
	*bytes = st.st_size;
	addr = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(addr != MAP_FAILED, path);
	close(fd);
	return addr;
}

static void load_driver(bool msi)
{
	int fd = open("/mram_guest_drv.ko", O_RDONLY);
	void *addr;

	need(fd >= 0 && !syscall(SYS_finit_module, fd, msi ? "msi=1" : "msi=0",
				 0), "load the driver");
	close(fd);
	drv_fd = open("/dev/mram", O_RDWR);
	need(drv_fd >= 0 && !ioctl(drv_fd, MRAM_GUEST_GET_INFO, &info),
	     "/dev/mram");
	addr = mmap(NULL, info.bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		    drv_fd, 0);
	need(addr != MAP_FAILED, "map the DMA buffer");
	dma = addr;
	irqs = 0;
}

static void unload_driver(void)
{
	munmap(dma, info.bytes);
	close(drv_fd);
	need(!syscall(SYS_delete_module, "mram_guest_drv", O_NONBLOCK),
	     "unload the driver");
}

static void test_bars(void)
{
	size_t bytes = 0, i;
	bool good = true;

	bell = map_bar(MRAM_BAR_BELL, &bytes);
	check(bytes == MRAM_BELL_BYTES &&
	      reg_read(MRAM_REG_ID) == MRAM_ID_VALUE &&
	      reg_read(MRAM_REG_VERSION) == MRAM_VERSION_VALUE,
	      "the doorbell BAR has the device's id");
	reg_write(MRAM_REG_SCRATCH, 0x12345678);
	check(reg_read(MRAM_REG_SCRATCH) == 0x12345678,
	      "a register keeps what is written");

	ram = map_bar(MRAM_BAR_RAM, &bytes);
	ram_bytes = bytes;
	check(reg_read(MRAM_REG_RAM_BYTES) == ram_bytes,
	      "the RAM BAR has %u MiB", ram_bytes >> 20);
	for (i = 0; i < ram_bytes; i += 4096)
		*(volatile uint32_t *)(ram + i) = i ^ 0xa5a5a5a5;
	for (i = 0; i < ram_bytes; i += 4096)
		good &= *(volatile uint32_t *)(ram + i) == (i ^ 0xa5a5a5a5);
	check(good, "a pattern in every page of the RAM BAR reads back");
}

static void ring(uint32_t cmd, uint64_t addr, uint32_t offset, uint32_t len)
{
	reg_write(MRAM_REG_ADDR_LO, addr);
	reg_write(MRAM_REG_ADDR_HI, addr >> 32);
	reg_write(MRAM_REG_OFFSET, offset);
	reg_write(MRAM_REG_LEN, len);
	reg_write(MRAM_REG_CMD, cmd);
}

/* One more interrupt than last time? */
static bool wait_irq(void)
{
	struct pollfd pfd = { .fd = drv_fd, .events = POLLIN };
	uint32_t now;

	if (poll(&pfd, 1, IRQ_TIMEOUT_MS) != 1 ||
	    read(drv_fd, &now, sizeof(now)) != sizeof(now))
		return false;
	return now == ++irqs;
}

static bool completed(uint32_t len)
{
	return reg_read(MRAM_REG_STATUS) == MRAM_STATUS_DONE &&
	       reg_read(MRAM_REG_ERROR) == MRAM_ERR_NONE &&
	       reg_read(MRAM_REG_DONE_LEN) == len;
}

/* There and back: what the device has must be what the guest had. */
static void test_copy(uint32_t how, const char *name)
{
	const uint32_t at = 0x3004;
	uint32_t sum;
	bool irq;

	fill(dma + 100, COPY_BYTES, how + 1);
	sum = checksum(dma + 100, COPY_BYTES);
	ring(MRAM_CMD_TO_RAM | how, info.dma_addr + 100, at, COPY_BYTES);
	irq = wait_irq();
	check(irq && completed(COPY_BYTES) &&
	      checksum(ram + at, COPY_BYTES) == sum,
	      "guest to device %s, checksum %08x, %s %u", name, sum,
	      info.msi ? "MSI" : "INTx", irqs);

	fill(ram + at, COPY_BYTES, how + 2);
	sum = checksum(ram + at, COPY_BYTES);
	ring(MRAM_CMD_TO_GUEST | how, info.dma_addr + 8192, at, COPY_BYTES);
	irq = wait_irq();
	check(irq && completed(COPY_BYTES) &&
	      checksum(dma + 8192, COPY_BYTES) == sum,
	      "device to guest %s, checksum %08x, %s %u", name, sum,
	      info.msi ? "MSI" : "INTx", irqs);
}

static void test_errors(void)
{
	bool irq;

	ring(MRAM_CMD_TO_RAM, info.dma_addr, ram_bytes, 1);
	irq = wait_irq();
	check(irq && reg_read(MRAM_REG_STATUS) == MRAM_STATUS_ERROR &&
	      reg_read(MRAM_REG_ERROR) == MRAM_ERR_RANGE,
	      "a range behind the RAM is refused");
	/* No memory of this small guest is there. */
	ring(MRAM_CMD_TO_RAM, 1ULL << 40, 0, 4096);
	irq = wait_irq();
	check(irq && reg_read(MRAM_REG_ERROR) == MRAM_ERR_DMA,
	      "an address without memory is a DMA error");
}

static void test_irq_kind(bool msi)
{
	load_driver(msi);
	check(info.msi == msi, "the interrupt is %s", msi ? "MSI" : "INTx");
	test_copy(0, "by address");
	test_copy(MRAM_CMD_ASYNC, "by a work item");
	if (!msi)
		return;
	test_copy(MRAM_CMD_PIN, "through pinned pages");
	check(reg_read(MRAM_REG_PINNED), "%u pages stay pinned",
	      reg_read(MRAM_REG_PINNED));
	test_errors();
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* If the machine asks for slots to be unplugged, do as it says. */
static void eject_if_asked(void)
{
	uint32_t slots = 0;

	if (ioctl(drv_fd, MRAM_GUEST_UNPLUG, &slots) || !slots)
		return;
	printf("GUEST: asked to eject slots %x\n", slots);
	unload_driver();
	printf("GUEST: ejected\n");
	for (;;) {
		printf("GUEST: beat after eject\n");
		usleep(200000);
	}
}

/*
 * Ring, store, and look whether the device is still there: registers of one
 * that has gone read as all ones.
 */
static bool use_once(unsigned long copies)
{
	ring(MRAM_CMD_TO_RAM | MRAM_CMD_PIN, info.dma_addr, 0, 4096);
	ram[8192] = copies;
	return reg_read(MRAM_REG_ID) != ~0u;
}

/*
 * What the RAM reads as.  The device's registers vanish first; the mapping of
 * its RAM follows a moment later, and until then memory is what it was.
 */
static uint32_t read_gone_ram(void)
{
	volatile uint32_t *word = (volatile uint32_t *)(ram + 4096 + 64);
	long end = now_ms() + GONE_TIMEOUT_MS;

	while (*word != ~0u && now_ms() < end)
		usleep(1000);
	return *word;
}

/* Use the device until it is gone, then keep living. */
static void be_busy(bool eject)
{
	unsigned long copies = 0, beats = 0;
	bool gone = false;
	long next = 0;

	printf("GUEST: busy\n");
	for (;;) {
		if (!gone && !use_once(++copies)) {
			gone = true;
			printf("GUEST: gone after %lu copies, RAM reads %08x\n",
			       copies, read_gone_ram());
		}
		if (now_ms() >= next) {
			printf("GUEST: beat %lu %s\n", ++beats,
			       gone ? "without device" : "with device");
			next = now_ms() + 200;
			if (eject)
				eject_if_asked();
		}
		if (gone)
			usleep(50000);
	}
}

static bool has_word(const char *word)
{
	char line[1024] = "";
	int fd = open("/proc/cmdline", O_RDONLY);
	bool ret;

	ret = fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 &&
	      strstr(line, word);
	close(fd);
	return ret;
}

int main(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);

	printf("GUEST: up\n");
	find_function();
	load_driver(true);
	test_bars();
	unload_driver();
	test_irq_kind(true);
	if (has_word("mram=eject"))
		be_busy(true);
	if (has_word("mram=busy"))
		be_busy(false);
	unload_driver();
	test_irq_kind(false);
	finish();
	return 0;
}
