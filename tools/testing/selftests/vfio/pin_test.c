// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins: from several devices, on every kind of memory, and against everything
 * that takes the memory away
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/vfio.h>

#include "lib/vfio_harness.h"
#include "lib/vtest_lib.h"

#define PAGE		4096UL
#define IOVA		0x10000000ULL
#define NR		64U
#define SIZE		(NR * PAGE)
#define RW		3

FIXTURE(pin) {
	struct vt_user u;
	struct vt_user second;
	char *mem;
};

FIXTURE_SETUP(pin)
{
	ASSERT_EQ(0, vt_reset_world());
	ASSERT_EQ(0, vt_open_new(&self->u, -1, "vtest0", "own"));
	ASSERT_EQ(0, vt_open_new(&self->second, self->u.container, "vtest0",
				 "shared"));
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
}

FIXTURE_TEARDOWN(pin)
{
	char what[256];

	vt_close(&self->second);
	vt_close(&self->u);
	munmap(self->mem, SIZE);
	EXPECT_EQ(0, vt_parent_violations("vtest0", what, sizeof(what)))
		TH_LOG("%s", what);
	EXPECT_EQ(0, vt_parent_stat("vtest0", "pinned_pages"));
	vt_clean_world();
}

/* The frame number that a pin reports is stable, and shared by devices. */
TEST_F_TIMEOUT(pin, two_devices_pin_the_same_pages, 60)
{
	uint64_t a[NR], b[NR];

	ASSERT_EQ(0, vt_map(self->u.container, self->mem, IOVA, SIZE));
	ASSERT_EQ(NR, vt_pin(self->u.device, IOVA, NR, RW, a));
	ASSERT_EQ(NR, vt_pin(self->second.device, IOVA, NR, RW, b));
	EXPECT_EQ(0, memcmp(a, b, sizeof(a)));
	EXPECT_EQ(0, vt_unpin(self->u.device, IOVA, NR));
	/* The other device's pins are its own. */
	EXPECT_EQ(-ENOENT, vt_unpin(self->u.device, IOVA, 1));
	ASSERT_EQ(NR, vt_pin(self->u.device, IOVA, NR, 1, b));
	EXPECT_EQ(0, memcmp(a, b, sizeof(a)));
	EXPECT_EQ((long long)SIZE, vt_unmap(self->u.container, IOVA, SIZE));
	EXPECT_LE(1, vt_stat(self->u.uuid, "dma_unmap"));
	EXPECT_LE(1, vt_stat(self->second.uuid, "dma_unmap"));
	EXPECT_EQ(0, vt_stat(self->u.uuid, "pinned_pages"));
	EXPECT_EQ(0, vt_stat(self->second.uuid, "pinned_pages"));
}

TEST_F_TIMEOUT(pin, is_counted_per_page, 60)
{
	ASSERT_EQ(0, vt_map(self->u.container, self->mem, IOVA, SIZE));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(NR, vt_pin(self->u.device, IOVA, NR, RW, NULL));
	}
	EXPECT_EQ(5 * NR, vt_stat(self->u.uuid, "pinned_pages"));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, vt_unpin(self->u.device, IOVA, NR));
	}
	EXPECT_EQ((long long)SIZE, vt_unmap(self->u.container, IOVA, SIZE));
	EXPECT_EQ(0, vt_stat(self->u.uuid, "pinned_pages"));
}

/* All or nothing: the hole in the middle leaves no pin behind. */
TEST_F_TIMEOUT(pin, across_a_hole_pins_nothing, 60)
{
	ASSERT_EQ(0, vt_map(self->u.container, self->mem, IOVA, 4 * PAGE));
	ASSERT_EQ(0, vt_map(self->u.container, self->mem + 5 * PAGE,
			    IOVA + 5 * PAGE, 4 * PAGE));
	EXPECT_EQ(-EINVAL, vt_pin(self->u.device, IOVA, 9, RW, NULL));
	EXPECT_EQ(4 * (long long)PAGE,
		  vt_unmap(self->u.container, IOVA, 4 * PAGE));
	/* Nothing was pinned, so nobody was told. */
	EXPECT_EQ(0, vt_stat(self->u.uuid, "dma_unmap"));
	EXPECT_EQ(4 * (long long)PAGE,
		  vt_unmap(self->u.container, IOVA + 5 * PAGE, 4 * PAGE));
}

TEST_F_TIMEOUT(pin, over_512_pages_is_refused, 60)
{
	EXPECT_EQ(-E2BIG, vt_pin(self->u.device, IOVA, 513, RW, NULL));
}

/* --- UNMAP against pinning */

/**
 * struct hammer - a thread that pins and unpins
 * @device: where
 * @stop: told to end
 * @pinned: how often it worked
 * @bad: an errno other than the one of a missing mapping
 */
struct hammer {
	int device;
	volatile bool *stop;
	long pinned;
	int bad;
};

static void *hammer_main(void *arg)
{
	struct hammer *h = arg;
	unsigned int at = 0;
	int ret;

	while (!*h->stop) {
		at = (at + 7) % (NR - 8);
		ret = vt_pin(h->device, IOVA + at * PAGE, 8, RW, NULL);
		if (ret == 8) {
			h->pinned++;
			/* -ENOENT: dma_unmap() was faster. */
			ret = vt_unpin(h->device, IOVA + at * PAGE, 8);
			if (ret && ret != -ENOENT)
				h->bad = ret;
		} else if (ret != -EINVAL) {
			h->bad = ret;
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(pin, unmap_races_with_pins_of_two_devices, 120)
{
	unsigned int ms = vt_seconds(vt_is_debug() ? 10 : 5) * 1000;
	volatile bool stop = false;
	struct hammer hammers[4];
	long long end, maps = 0;
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		hammers[i] = (struct hammer){
			.device = i & 1 ? self->second.device : self->u.device,
			.stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, hammer_main,
					    &hammers[i]));
	}
	for (end = vt_now_ms() + ms; vt_now_ms() < end; maps++) {
		EXPECT_EQ(0, vt_map(self->u.container, self->mem, IOVA, SIZE));
		usleep(maps % 3 * 1000);
		EXPECT_EQ((long long)SIZE,
			  vt_unmap(self->u.container, IOVA, SIZE));
	}
	stop = true;
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, hammers[i].bad);
	}
	printf("# %lld maps, %ld pins\n", maps, hammers[0].pinned);
	EXPECT_EQ(0, vt_stat(self->u.uuid, "pinned_pages"));
	EXPECT_EQ(0, vt_stat(self->second.uuid, "pinned_pages"));
}

/* --- a driver that leaks its pins */

TEST_F_TIMEOUT(pin, leaked_pins_do_not_hold_up_unmap, 60)
{
	long long ms;

	if (vt_is_debug())
		SKIP(return, "a leak is a WARN, and panic_on_warn is set");
	vt_expect_splat("WARNING: .*(vfio|type1|pages)");
	ASSERT_EQ(0, vt_map(self->u.container, self->mem, IOVA, SIZE));
	ASSERT_EQ(0, vt_ioctl(self->u.device, VTEST_SET_MODE,
			      VTEST_MODE_LEAK_PINS));
	ASSERT_EQ(NR, vt_pin(self->u.device, IOVA, NR, RW, NULL));
	ms = vt_now_ms();
	EXPECT_EQ((long long)SIZE, vt_unmap(self->u.container, IOVA, SIZE));
	EXPECT_LE(vt_now_ms() - ms, 2000);
	/* The range is free again. */
	EXPECT_EQ(0, vt_map(self->u.container, self->mem, IOVA, SIZE));
	/* What the driver believes to hold is not its any more; forget it. */
	vt_close(&self->second);
	vt_close(&self->u);
	vt_remove(self->u.uuid);
	vt_remove(self->second.uuid);
	EXPECT_EQ(0, vt_unload("vtest"));
	EXPECT_EQ(0, vt_load("vtest"));
}

TEST_F_TIMEOUT(pin, leaked_pins_are_dropped_at_close, 60)
{
	if (vt_is_debug())
		SKIP(return, "a leak is a WARN, and panic_on_warn is set");
	vt_expect_splat("WARNING: .*(vfio|type1|pages)");
	ASSERT_EQ(0, vt_map(self->u.container, self->mem, IOVA, SIZE));
	ASSERT_EQ(0, vt_ioctl(self->u.device, VTEST_SET_MODE,
			      VTEST_MODE_LEAK_PINS));
	ASSERT_EQ(NR, vt_pin(self->u.device, IOVA, NR, RW, NULL));
	close(self->u.device);
	self->u.device = -1;
	/* Nobody has pins here now, so nobody is asked. */
	EXPECT_EQ((long long)SIZE, vt_unmap(self->u.container, IOVA, SIZE));
	EXPECT_EQ(0, vt_stat(self->second.uuid, "dma_unmap"));
	vt_close(&self->second);
	vt_close(&self->u);
	vt_remove(self->u.uuid);
	vt_remove(self->second.uuid);
	EXPECT_EQ(0, vt_unload("vtest"));
	EXPECT_EQ(0, vt_load("vtest"));
}

/* --- whose memory it is */

static int wait_child(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The task that mapped is gone: its pages stay pinned, new pins fail. */
TEST_F_TIMEOUT(pin, mapper_exits, 60)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		char *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memset(mem, 0x77, SIZE);
		if (vt_map(self->u.container, mem, IOVA, SIZE))
			_exit(1);
		if (vt_pin(self->u.device, IOVA, 8, RW, NULL) != 8)
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(0, wait_child(pid));
	/* Already pinned pages can be pinned again, without any mm. */
	EXPECT_GT(0, vt_pin(self->second.device, IOVA + 16 * PAGE, 4, RW,
			    NULL));
	EXPECT_GT(0, vt_dma(self->u.device, IOVA + 16 * PAGE, 64, 0));
	EXPECT_EQ(-EPERM, vt_dma(self->u.device, IOVA + 16 * PAGE, 64,
				 VTEST_DMA_KTHREAD));
	EXPECT_EQ(8, vt_stat(self->u.uuid, "pinned_pages"));
	EXPECT_EQ(0, vt_unpin(self->u.device, IOVA, 4));
	EXPECT_EQ((long long)SIZE, vt_unmap(self->u.container, IOVA, SIZE));
}

/* A forked child has the descriptors, but the memory is the parent's. */
TEST_F_TIMEOUT(pin, forked_child_uses_the_parents_memory, 60)
{
	char *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	strcpy(mem, "parent");
	ASSERT_EQ(0, vt_map(self->u.container, mem, IOVA, SIZE));
	ASSERT_EQ(4, vt_pin(self->u.device, IOVA, 4, RW, NULL));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char text[8] = "";

		strcpy(mem, "child");
		if (vt_dma(self->u.device, IOVA, 8, 0) != -EFAULT)
			_exit(1);
		if (vt_dma(self->u.device, IOVA, 8, VTEST_DMA_KTHREAD))
			_exit(2);
		if (pread(self->u.device, text, 8, 0) != 8)
			_exit(3);
		if (strcmp(text, "parent"))
			_exit(4);
		if (vt_pin(self->u.device, IOVA, 4, RW, NULL) != 4)
			_exit(5);
		_exit(0);
	}
	EXPECT_EQ(0, wait_child(pid));
	EXPECT_EQ(8, vt_stat(self->u.uuid, "pinned_pages"));
	EXPECT_EQ((long long)SIZE, vt_unmap(self->u.container, IOVA, SIZE));
	munmap(mem, SIZE);
}

static void drop_ipc_lock(void)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &hdr, data))
		_exit(90);
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	data[0].permitted &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &hdr, data))
		_exit(91);
}

/* In a child, because a dropped capability does not come back. */
TEST_F_TIMEOUT(pin, respects_rlimit_memlock, 60)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct rlimit limit = { 16 * PAGE, 16 * PAGE };

		if (setrlimit(RLIMIT_MEMLOCK, &limit))
			_exit(1);
		drop_ipc_lock();
		if (vt_map(self->u.container, self->mem, IOVA, SIZE))
			_exit(2);
		if (vt_pin(self->u.device, IOVA, 16, RW, NULL) != 16)
			_exit(3);
		if (vt_pin(self->u.device, IOVA + 16 * PAGE, 1, RW, NULL) !=
		    -ENOMEM)
			_exit(4);
		/* The same pages again cost nothing, whoever pins them. */
		if (vt_pin(self->second.device, IOVA, 16, RW, NULL) != 16)
			_exit(5);
		if (vt_unpin(self->u.device, IOVA, 16) ||
		    vt_unpin(self->second.device, IOVA, 16))
			_exit(6);
		/* All given back, and partly over the limit is nothing. */
		if (vt_pin(self->u.device, IOVA, 17, RW, NULL) != -ENOMEM)
			_exit(7);
		if (vt_pin(self->u.device, IOVA, 16, RW, NULL) != 16)
			_exit(8);
		if (vt_unmap(self->u.container, IOVA, SIZE) != (long long)SIZE)
			_exit(9);
		_exit(0);
	}
	EXPECT_EQ(0, wait_child(pid));
}

/* --- kinds of memory */

FIXTURE(memory) {
	struct vt_user u;
};

FIXTURE_VARIANT(memory) {
	int kind;
};

enum { ANON, THP, HUGETLB, MEMFD };

FIXTURE_VARIANT_ADD(memory, anonymous) { .kind = ANON };
FIXTURE_VARIANT_ADD(memory, transparent_huge) { .kind = THP };
FIXTURE_VARIANT_ADD(memory, hugetlb) { .kind = HUGETLB };
FIXTURE_VARIANT_ADD(memory, memfd) { .kind = MEMFD };

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, vt_reset_world());
	ASSERT_EQ(0, vt_open_new(&self->u, -1, "vtest0", "own"));
}

FIXTURE_TEARDOWN(memory)
{
	vt_close(&self->u);
	EXPECT_EQ(0, vt_parent_stat("vtest0", "pinned_pages"));
	vt_clean_world();
}

#define HUGE	(2UL << 20)

static char *get_memory(int kind, size_t size)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS, fd = -1;
	char *mem;

	if (kind == HUGETLB) {
		vt_write("4", "/proc/sys/vm/nr_hugepages");
		flags |= MAP_HUGETLB;
	} else if (kind == MEMFD) {
		fd = syscall(SYS_memfd_create, "vtest", 0);
		if (fd < 0 || ftruncate(fd, size))
			return MAP_FAILED;
		flags = MAP_SHARED;
	}
	mem = mmap(NULL, kind == THP ? size + HUGE : size,
		   PROT_READ | PROT_WRITE, flags, fd, 0);
	if (fd >= 0)
		close(fd);
	if (mem == MAP_FAILED || kind != THP)
		return mem;
	mem = (char *)(((uintptr_t)mem + HUGE - 1) & ~(HUGE - 1));
	madvise(mem, size, MADV_HUGEPAGE);
	return mem;
}

TEST_F_TIMEOUT(memory, pins_and_copies, 60)
{
	const size_t size = 2 * HUGE;
	uint64_t *pfns;
	char text[16];
	char *mem;

	mem = get_memory(variant->kind, size);
	if (mem == MAP_FAILED && variant->kind == HUGETLB)
		SKIP(return, "no huge pages to be had");
	ASSERT_NE(MAP_FAILED, (void *)mem);
	pfns = calloc(512, sizeof(*pfns));
	ASSERT_EQ(0, vt_map(self->u.container, mem, IOVA, size));
	/* In the middle, over the border of two huge pages. */
	ASSERT_EQ(512, vt_pin(self->u.device, IOVA + HUGE / 2, 512, RW, pfns));
	if (variant->kind == HUGETLB) {
		for (int i = 1; i < 256; i++) {
			EXPECT_EQ(pfns[0] + i, pfns[i]);
		}
	}
	strcpy(mem + HUGE - 4, "across");
	EXPECT_EQ(0, vt_dma(self->u.device, IOVA + HUGE - 4, 16, 0));
	EXPECT_EQ(16, pread(self->u.device, text, 16, 0));
	EXPECT_STREQ("across", text);
	EXPECT_EQ(0, vt_unpin(self->u.device, IOVA + HUGE / 2, 100));
	EXPECT_EQ((long long)size, vt_unmap(self->u.container, IOVA, size));
	munmap(mem, size);
	if (variant->kind == HUGETLB)
		vt_write("0", "/proc/sys/vm/nr_hugepages");
	free(pfns);
}

TEST_HARNESS_MAIN
