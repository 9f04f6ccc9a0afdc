// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers for the tests that use the driver vtest.ko
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/userfaultfd.h>
#include <linux/vfio.h>

#include "vtest_lib.h"

#define GRACE_PARAMETER	"/sys/module/vfio/parameters/removal_grace_ms"
#define DEFAULT_GRACE_MS 10000

bool vt_is_debug(void)
{
	const char *kernel = getenv("VM_KERNEL");

	if (kernel)
		return !strcmp(kernel, "debug");
	return !access("/sys/kernel/debug/failslab", F_OK);
}

/*
 * How much slower than the stock kernel the debug kernel may be: with KASAN
 * and lockdep under emulation, work that takes milliseconds takes seconds.
 */
unsigned int vt_slack(void)
{
	return vt_is_debug() ? 8 : 1;
}

unsigned int vt_seconds(unsigned int by_default)
{
	const char *seconds = getenv("VFIO_TEST_SECONDS");

	return seconds && *seconds ? (unsigned int)atoi(seconds) : by_default;
}

long long vt_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void vt_sleep_ms(unsigned int ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = (ms % 1000) * 1000000L,
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* Tell the rig that a message in the kernel's log is what we wanted. */
void vt_expect_splat(const char *regex)
{
	const char *job = getenv("VFIO_JOB");
	char path[VT_PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "%s/expected-splats",
		 job ? job : "/run/job");
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return;
	dprintf(fd, "# splat-expected: %s\n", regex);
	close(fd);
}

int vt_write(const char *text, const char *fmt, ...)
{
	char path[VT_PATH_LEN];
	int fd, ret = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int vt_read(char *buf, size_t size, const char *fmt, ...)
{
	char path[VT_PATH_LEN];
	va_list ap;
	ssize_t len;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		len = -errno;
	else
		buf[len] = '\0';
	close(fd);
	return len < 0 ? len : 0;
}

/* The number behind a word: in "a 1\nb 2" that of b is 2; -ENOENT if none. */
long long vt_find_number(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *at = text;

	while ((at = strstr(at, name))) {
		if ((at == text || at[-1] == '\n' || at[-1] == ' ') &&
		    at[len] == ' ')
			return atoll(at + len);
		at += len;
	}
	return -ENOENT;
}

/* A program takes its time to start on the debug kernel: look first. */
static bool is_loaded(const char *module)
{
	char state[16];

	return !vt_read(state, sizeof(state), "/sys/module/%s/initstate",
			module) && !strcmp(state, "live\n");
}

int vt_load(const char *module)
{
	int status;
	pid_t pid;

	if (is_loaded(module))
		return 0;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execlp("modprobe", "modprobe", module, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return status ? -ENODEV : 0;
}

int vt_unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

/* Remove every device of our driver, whatever became of a test before. */
static void remove_all(void)
{
	struct dirent *entry;
	char type[64];
	DIR *dir;

	dir = opendir("/sys/bus/mdev/devices");
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char link[VT_PATH_LEN], target[VT_PATH_LEN] = "";

		if (entry->d_name[0] == '.')
			continue;
		snprintf(link, sizeof(link),
			 "/sys/bus/mdev/devices/%.40s/mdev_type",
			 entry->d_name);
		if (readlink(link, target, sizeof(target) - 1) < 0)
			continue;
		if (sscanf(strrchr(target, '/') ? : target, "/vtest-%60s",
			   type) != 1)
			continue;
		/* A device keeps the grace that it was created with. */
		vt_set_device_grace(entry->d_name, 0);
		vt_remove(entry->d_name);
	}
	closedir(dir);
}

/* The state in which each test begins: loaded, registered, nothing there. */
int vt_reset_world(void)
{
	int ret;

	ret = vt_load("vtest");
	if (!ret)
		ret = vt_load("vfio_iommu_type1");
	if (ret)
		return ret;
	vt_set_grace(0);
	remove_all();
	for (int i = 0; i < 2; i++) {
		char parent[16];

		snprintf(parent, sizeof(parent), "vtest%d", i);
		vt_set_registered(parent, true);
		vt_write("0", "/sys/class/vtest/%s/fail_probe", parent);
		vt_write("0", "/sys/class/vtest/%s/fail_init", parent);
		vt_write("0", "/sys/class/vtest/%s/probe_delay_ms", parent);
		ret = vt_write("0", "/sys/class/vtest/%s/stats", parent);
		if (ret)
			return ret;
	}
	return vt_set_grace(DEFAULT_GRACE_MS);
}

void vt_clean_world(void)
{
	vt_set_grace(0);
	remove_all();
	vt_set_grace(DEFAULT_GRACE_MS);
}

void vt_make_uuid(char *uuid)
{
	unsigned char r[16];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		abort();
	snprintf(uuid, VT_UUID_LEN,
		 "%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-"
		 "%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3], r[4],
		 r[5], r[6] & 15, r[7], r[8] & 15, r[9], r[10], r[11], r[12],
		 r[13], r[14], r[15]);
}

int vt_create(const char *parent, const char *type, const char *uuid)
{
	return vt_write(uuid, "/sys/class/mdev_bus/%s/mdev_supported_types/"
			"vtest-%s/create", parent, type);
}

int vt_remove(const char *uuid)
{
	return vt_write("1", "/sys/bus/mdev/devices/%s/remove", uuid);
}

bool vt_exists(const char *uuid)
{
	char path[VT_PATH_LEN];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s", uuid);
	return !access(path, F_OK);
}

int vt_group_nr(const char *uuid)
{
	char path[VT_PATH_LEN], target[VT_PATH_LEN] = "";
	char *slash;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/iommu_group",
		 uuid);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return -errno;
	slash = strrchr(target, '/');
	return slash ? atoi(slash + 1) : -EINVAL;
}

int vt_set_knob(const char *uuid, const char *knob, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return vt_write(text, "/sys/bus/mdev/devices/%s/%s", uuid, knob);
}

int vt_set_registered(const char *parent, bool on)
{
	return vt_write(on ? "1" : "0", "/sys/class/vtest/%s/registered",
			parent);
}

long long vt_stat(const char *uuid, const char *name)
{
	char text[1024];
	int ret;

	ret = vt_read(text, sizeof(text), "/sys/bus/mdev/devices/%s/stats",
		      uuid);
	return ret ? : vt_find_number(text, name);
}

long long vt_parent_stat(const char *parent, const char *name)
{
	char text[1024];
	int ret;

	ret = vt_read(text, sizeof(text), "/sys/class/vtest/%s/stats", parent);
	return ret ? : vt_find_number(text, name);
}

/* How many of the counters that must stay zero are not, and their names. */
int vt_parent_violations(const char *parent, char *what, size_t size)
{
	static const char * const names[] = {
		"bad_close", "bad_order", "late_calls", "set_intruders",
		"unmapped_late",
	};
	int bad = 0;

	what[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t used = strlen(what);
		long long value = vt_parent_stat(parent, names[i]);

		if (!value)
			continue;
		bad++;
		snprintf(what + used, size - used, "%s=%lld ", names[i],
			 value);
	}
	return bad;
}

int vt_set_grace(unsigned int ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", ms);
	return vt_write(text, GRACE_PARAMETER);
}

int vt_grace(void)
{
	char text[32];
	int ret;

	ret = vt_read(text, sizeof(text), GRACE_PARAMETER);
	return ret ? : atoi(text);
}

int vt_set_device_grace(const char *uuid, unsigned int ms)
{
	char path[VT_PATH_LEN], text[16];
	struct dirent *entry;
	int ret = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/vfio-dev",
		 uuid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	snprintf(text, sizeof(text), "%u", ms);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			ret = vt_write(text, "%s/%s/removal_grace_ms", path,
				       entry->d_name);
	closedir(dir);
	return ret;
}

void vt_user_init(struct vt_user *u)
{
	memset(u, 0, sizeof(*u));
	u->container = -1;
	u->group = -1;
	u->device = -1;
}

/* devtmpfs makes the node a moment after the uevent. */
static int open_group(int nr)
{
	long long end = vt_now_ms() + 2000;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", nr);
	do {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			return fd < 0 ? -errno : fd;
		vt_sleep_ms(5);
	} while (vt_now_ms() < end);
	return -ENOENT;
}

/* Open container and group, join them and set the IOMMU. */
int vt_attach(struct vt_user *u, int container, const char *uuid)
{
	int ret;

	vt_user_init(u);
	snprintf(u->uuid, sizeof(u->uuid), "%s", uuid);
	ret = vt_group_nr(uuid);
	if (ret < 0)
		return ret;
	u->group_nr = ret;
	u->own_container = container < 0;
	u->container = container;
	if (u->own_container)
		u->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (u->container < 0)
		return -errno;
	ret = open_group(u->group_nr);
	if (ret < 0)
		goto err_close;
	u->group = ret;
	ret = vt_ioctl(u->group, VFIO_GROUP_SET_CONTAINER,
		       (unsigned long)&u->container);
	if (ret)
		goto err_close;
	if (u->own_container) {
		ret = vt_ioctl(u->container, VFIO_SET_IOMMU,
			       VFIO_TYPE1v2_IOMMU);
		if (ret)
			goto err_close;
	}
	return 0;

err_close:
	vt_close(u);
	return ret;
}

int vt_get_device(struct vt_user *u)
{
	return vt_ioctl(u->group, VFIO_GROUP_GET_DEVICE_FD,
			(unsigned long)u->uuid);
}

int vt_open(struct vt_user *u, int container, const char *uuid)
{
	int ret;

	ret = vt_attach(u, container, uuid);
	if (ret)
		return ret;
	ret = vt_get_device(u);
	if (ret < 0) {
		vt_close(u);
		return ret;
	}
	u->device = ret;
	return 0;
}

void vt_close(struct vt_user *u)
{
	if (u->device >= 0)
		close(u->device);
	if (u->group >= 0)
		close(u->group);
	if (u->container >= 0 && u->own_container)
		close(u->container);
	u->device = -1;
	u->group = -1;
	u->container = -1;
}

int vt_open_new(struct vt_user *u, int container, const char *parent,
		const char *type)
{
	char uuid[VT_UUID_LEN];
	int ret;

	vt_user_init(u);
	vt_make_uuid(uuid);
	ret = vt_create(parent, type, uuid);
	if (ret)
		return ret;
	ret = vt_open(u, container, uuid);
	if (ret)
		vt_remove(uuid);
	return ret;
}

void vt_close_remove(struct vt_user *u)
{
	vt_close(u);
	if (u->uuid[0])
		vt_remove(u->uuid);
}

int vt_ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int vt_map(int container, const void *vaddr, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = size,
	};

	return vt_ioctl(container, VFIO_IOMMU_MAP_DMA, (unsigned long)&map);
}

long long vt_unmap(int container, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};
	int ret;

	ret = vt_ioctl(container, VFIO_IOMMU_UNMAP_DMA,
		       (unsigned long)&unmap);
	return ret ? ret : (long long)unmap.size;
}

int vt_pin(int device, uint64_t iova, unsigned int npages, int prot,
	   uint64_t *pfns)
{
	struct vtest_pin pin = {
		.argsz = sizeof(pin),
		.iova = iova,
		.npages = npages,
		.prot = prot,
		.pfns = (uintptr_t)pfns,
	};

	return vt_ioctl(device, VTEST_PIN, (unsigned long)&pin);
}

int vt_unpin(int device, uint64_t iova, unsigned int npages)
{
	struct vtest_pin pin = {
		.argsz = sizeof(pin),
		.iova = iova,
		.npages = npages,
	};

	return vt_ioctl(device, VTEST_UNPIN, (unsigned long)&pin);
}

int vt_dma(int device, uint64_t iova, unsigned int len, unsigned int flags)
{
	struct vtest_dma dma = {
		.argsz = sizeof(dma),
		.flags = flags,
		.iova = iova,
		.len = len,
	};

	return vt_ioctl(device, VTEST_DMA_RW, (unsigned long)&dma);
}

int vt_set_req(int device, int eventfd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int32_t)]
		__attribute__((aligned(8)));
	struct vfio_irq_set *set = (void *)buf;
	int32_t fd = eventfd;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(buf),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD |
			 VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VTEST_IRQ_REQ,
		.count = 1,
	};
	memcpy(set->data, &fd, sizeof(fd));
	return vt_ioctl(device, VFIO_DEVICE_SET_IRQS, (unsigned long)set);
}

int vt_uffd_open(struct vt_uffd *uffd, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int ret;

	uffd->size = size;
	uffd->mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (uffd->mem == MAP_FAILED)
		return -errno;
	uffd->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd->fd < 0) {
		ret = -errno;
		munmap(uffd->mem, size);
		return ret;
	}
	reg.range.start = (uintptr_t)uffd->mem;
	reg.range.len = size;
	if (ioctl(uffd->fd, UFFDIO_API, &api) ||
	    ioctl(uffd->fd, UFFDIO_REGISTER, &reg)) {
		ret = -errno;
		vt_uffd_close(uffd);
		return ret;
	}
	return 0;
}

/* Answer all faults, those that wait and those to come, with zeroes. */
int vt_uffd_answer(struct vt_uffd *uffd)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)uffd->mem,
		.range.len = uffd->size,
	};

	return vt_ioctl(uffd->fd, UFFDIO_ZEROPAGE, (unsigned long)&zero);
}

void vt_uffd_close(struct vt_uffd *uffd)
{
	close(uffd->fd);
	munmap(uffd->mem, uffd->size);
}
