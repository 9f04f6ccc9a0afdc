// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation on the way of every call fails once
 *
 * A *step* is one call that succeeds when nothing fails.  With fail-nth set to
 * n the n-th allocation (or copy from and to user memory) that the calling
 * thread makes in the kernel fails.  So n = 1, 2, 3... until the step gets by
 * with n not reached tries every one of them.  A step that fails must say
 * -ENOMEM or, for the copies, -EFAULT; it must succeed when it is repeated;
 * and what it has left behind is found by the rig's leak check.
 *
 * Needs a kernel with fault injection, which the stock one has not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <linux/vfio.h>

#include "lib/fault.h"
#include "lib/vfio_harness.h"
#include "lib/vtest_lib.h"

#define TYPES	"/sys/class/mdev_bus/vtest0/mdev_supported_types/"
#define PAGE	4096UL
#define IOVA	0x10000000ULL
#define NR	32U
#define SIZE	(NR * PAGE)

/**
 * struct world - what the steps work on
 * @u: a device, as far open as the steps before need it
 * @create: an open "create" attribute, so that opening it is no part of a step
 * @remove: an open "remove" attribute
 * @attr: an open attribute of a parent
 * @uuid: what the create step creates
 * @instances: how many could be created
 * @mem: memory to be mapped
 * @map: a mapping of the device
 * @fd: what a step opened
 * @event: an eventfd
 */
struct world {
	struct vt_user u;
	int create;
	int remove;
	int attr;
	char uuid[VT_UUID_LEN];
	long long instances;
	char *mem;
	void *map;
	int fd;
	int event;
};

/**
 * struct step - a call
 * @name: for messages
 * @call: the call; negative errno or success
 * @undo: undoes a success, with no fault injected; or NULL
 * @is_clean: has a failure, or what @undo has undone, left nothing? or NULL
 */
struct step {
	const char *name;
	int (*call)(struct world *w);
	void (*undo)(struct world *w);
	bool (*is_clean)(struct world *w);
};

FIXTURE(faults) {
	struct world w;
	int fail_nth;
};

FIXTURE_SETUP(faults)
{
	struct world *w = &self->w;

	self->fail_nth = -1;
	if (!fault_can_inject())
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, vt_reset_world());
	ASSERT_EQ(0, vt_set_grace(0));
	self->fail_nth = fault_open();
	ASSERT_LE(0, self->fail_nth);
	ASSERT_EQ(0, vt_open_new(&w->u, -1, "vtest0", "shared"));
	w->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)w->mem);
	w->create = open(TYPES "vtest-set/create", O_WRONLY);
	ASSERT_LE(0, w->create);
	w->event = eventfd(0, EFD_CLOEXEC);
	vt_make_uuid(w->uuid);
}

FIXTURE_TEARDOWN(faults)
{
	char what[256];

	if (self->fail_nth < 0)
		return;
	close(self->fail_nth);
	close(self->w.create);
	close(self->w.event);
	vt_close_remove(&self->w.u);
	munmap(self->w.mem, SIZE);
	EXPECT_EQ(0, vt_parent_violations("vtest0", what, sizeof(what)))
		TH_LOG("%s", what);
	EXPECT_EQ(0, vt_parent_stat("vtest0", "pinned_pages"));
	vt_clean_world();
}

static void sweep(struct __test_metadata *_metadata, int fail_nth,
		  const struct step *step, struct world *w)
{
	int failures = 0, nth, ret;
	bool hit;

	for (nth = 1; nth < FAULT_MAX_NTH; nth++) {
		fault_arm(fail_nth, nth);
		ret = step->call(w);
		hit = fault_disarm(fail_nth);
		if (ret < 0) {
			failures++;
			EXPECT_TRUE(hit && fault_is_errno(ret))
				TH_LOG("%s: fault %d: %s", step->name, nth,
				       strerror(-ret));
			EXPECT_TRUE(!step->is_clean || step->is_clean(w))
				TH_LOG("%s: fault %d", step->name, nth);
			ret = step->call(w);
			EXPECT_LE(0, ret)
				TH_LOG("%s: after fault %d: %s", step->name,
				       nth, strerror(-ret));
		}
		if (ret >= 0 && step->undo)
			step->undo(w);
		EXPECT_TRUE(!step->is_clean || step->is_clean(w))
			TH_LOG("%s: undone after %d", step->name, nth);
		if (!hit)
			break;
	}
	printf("# %s: %d faults, %d failures\n", step->name, nth - 1, failures);
	EXPECT_LT(nth, FAULT_MAX_NTH);
}

/* --- parents, creation and removal */

#define PARENT1	"/sys/class/vtest/vtest1/"

static int call_register(struct world *w)
{
	return pwrite(w->attr, "1", 1, 0) == 1 ? 0 : -errno;
}

static void undo_register(struct world *w)
{
	vt_set_registered("vtest1", false);
}

static bool is_unregistered(struct world *w)
{
	return access("/sys/class/mdev_bus/vtest1", F_OK) &&
	       access(PARENT1 "mdev_supported_types", F_OK);
}

TEST_F_TIMEOUT(faults, register, 290)
{
	static const struct step step = { "registration", call_register,
					  undo_register, is_unregistered };
	struct world *w = &self->w;

	w->attr = open(PARENT1 "registered", O_WRONLY);
	ASSERT_LE(0, w->attr);
	undo_register(w);
	sweep(_metadata, self->fail_nth, &step, w);
	EXPECT_EQ(0, vt_set_registered("vtest1", true));
	EXPECT_EQ(0, access(PARENT1 "mdev_supported_types/vtest-own", F_OK));
	close(w->attr);
}

static int call_create(struct world *w)
{
	return pwrite(w->create, w->uuid, 36, 0) == 36 ? 0 : -errno;
}

static void undo_create(struct world *w)
{
	vt_remove(w->uuid);
}

static long long instances(void)
{
	char text[32];
	int ret;

	ret = vt_read(text, sizeof(text), TYPES
		      "vtest-set/available_instances");
	return ret ? ret : atoll(text);
}

static bool is_not_created(struct world *w)
{
	return !vt_exists(w->uuid) && instances() == w->instances;
}

TEST_F_TIMEOUT(faults, create, 290)
{
	static const struct step step = { "create", call_create, undo_create,
					  is_not_created };

	self->w.instances = instances();
	ASSERT_LT(0, self->w.instances);
	sweep(_metadata, self->fail_nth, &step, &self->w);
}

static int call_add_type(struct world *w)
{
	return pwrite(w->attr, "blue set", 8, 0) == 8 ? 0 : -errno;
}

static void undo_add_type(struct world *w)
{
	vt_write("blue", "/sys/class/vtest/vtest0/remove_type");
}

TEST_F_TIMEOUT(faults, add_type, 290)
{
	static const struct step step = { "add_type", call_add_type,
					  undo_add_type };
	struct world *w = &self->w;

	w->attr = open("/sys/class/vtest/vtest0/add_type", O_WRONLY);
	ASSERT_LE(0, w->attr);
	sweep(_metadata, self->fail_nth, &step, w);
	close(w->attr);
}

/* Removal cannot fail for want of memory; only the write(2) itself can. */
static int call_remove(struct world *w)
{
	int ret = 0;

	if (write(w->remove, "1", 1) != 1)
		ret = -errno;
	return ret;
}

TEST_F_TIMEOUT(faults, remove, 290)
{
	struct world *w = &self->w;
	char path[VT_PATH_LEN];
	bool hit;
	int ret;

	for (int nth = 1; nth < FAULT_MAX_NTH; nth++) {
		vt_make_uuid(w->uuid);
		ASSERT_EQ(0, vt_create("vtest0", "set", w->uuid));
		snprintf(path, sizeof(path),
			 "/sys/bus/mdev/devices/%s/remove", w->uuid);
		w->remove = open(path, O_WRONLY);
		ASSERT_LE(0, w->remove);
		fault_arm(self->fail_nth, nth);
		ret = call_remove(w);
		hit = fault_disarm(self->fail_nth);
		if (ret) {
			EXPECT_TRUE(fault_is_errno(ret));
			EXPECT_EQ(0, call_remove(w));
		}
		close(w->remove);
		EXPECT_FALSE(vt_exists(w->uuid));
		if (!hit)
			break;
	}
}

/* --- container, group, device */

static void undo_fd(struct world *w)
{
	close(w->fd);
}

static int call_container_open(struct world *w)
{
	w->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	return w->fd < 0 ? -errno : 0;
}

static int call_group_open(struct world *w)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", w->u.group_nr);
	w->fd = open(path, O_RDWR | O_CLOEXEC);
	return w->fd < 0 ? -errno : 0;
}

static int call_set_container(struct world *w)
{
	return vt_ioctl(w->u.group, VFIO_GROUP_SET_CONTAINER,
			(unsigned long)&w->u.container);
}

static void undo_set_container(struct world *w)
{
	vt_ioctl(w->u.group, VFIO_GROUP_UNSET_CONTAINER, 0);
}

static int call_set_iommu(struct world *w)
{
	return vt_ioctl(w->u.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

static void undo_set_iommu(struct world *w)
{
	undo_set_container(w);
	call_set_container(w);
}

static int call_get_device(struct world *w)
{
	w->fd = vt_get_device(&w->u);
	return w->fd;
}

TEST_F_TIMEOUT(faults, open, 290)
{
	static const struct step steps[] = {
		{ "container open", call_container_open, undo_fd },
		{ "second device fd", call_get_device, undo_fd },
	};
	static const struct step closed[] = {
		{ "device fd", call_get_device, undo_fd },
	};
	static const struct step unset[] = {
		{ "SET_CONTAINER", call_set_container, undo_set_container },
	};
	static const struct step set[] = {
		{ "SET_IOMMU", call_set_iommu, undo_set_iommu },
	};
	static const struct step last[] = {
		{ "group open", call_group_open, undo_fd },
	};
	struct world *w = &self->w;

	sweep(_metadata, self->fail_nth, &steps[0], w);
	sweep(_metadata, self->fail_nth, &steps[1], w);
	close(w->u.device);
	w->u.device = -1;
	sweep(_metadata, self->fail_nth, closed, w);
	undo_set_container(w);
	sweep(_metadata, self->fail_nth, unset, w);
	ASSERT_EQ(0, call_set_container(w));
	sweep(_metadata, self->fail_nth, set, w);
	close(w->u.group);
	w->u.group = -1;
	sweep(_metadata, self->fail_nth, last, w);
}

/* --- memory */

static int call_map(struct world *w)
{
	return vt_map(w->u.container, w->mem, IOVA, SIZE);
}

static void undo_map(struct world *w)
{
	vt_unmap(w->u.container, IOVA, SIZE);
}

static int call_pin(struct world *w)
{
	return vt_pin(w->u.device, IOVA, NR, 3, NULL);
}

static void undo_pin(struct world *w)
{
	vt_unpin(w->u.device, IOVA, NR);
	/* The next time it shall fault the pages in again. */
	madvise(w->mem, SIZE, MADV_REMOVE);
}

static int call_dma(struct world *w)
{
	return vt_dma(w->u.device, IOVA, 3 * PAGE, VTEST_DMA_WRITE);
}

static int call_dma_kthread(struct world *w)
{
	return vt_dma(w->u.device, IOVA, 3 * PAGE, VTEST_DMA_KTHREAD);
}

static int call_dirty_start(struct world *w)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};

	return vt_ioctl(w->u.container, VFIO_IOMMU_DIRTY_PAGES,
			(unsigned long)&dirty);
}

static void undo_dirty_start(struct world *w)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
	};

	vt_ioctl(w->u.container, VFIO_IOMMU_DIRTY_PAGES,
		 (unsigned long)&dirty);
}

static int call_unmap(struct world *w)
{
	return vt_unmap(w->u.container, IOVA, SIZE) < 0 ? -errno : 0;
}

/* Pins go with the mapping, and the next round needs both. */
static void undo_unmap(struct world *w)
{
	call_map(w);
	call_pin(w);
}

TEST_F_TIMEOUT(faults, memory, 290)
{
	static const struct step map = { "MAP_DMA", call_map, undo_map };
	static const struct step mapped[] = {
		{ "pin", call_pin, undo_pin },
		{ "dma_rw", call_dma },
		{ "dma_rw in a kthread", call_dma_kthread },
		{ "dirty START", call_dirty_start, undo_dirty_start },
	};
	static const struct step unmap = { "UNMAP_DMA", call_unmap,
					   undo_unmap };
	struct world *w = &self->w;

	sweep(_metadata, self->fail_nth, &map, w);
	ASSERT_EQ(0, call_map(w));
	for (int i = 0; i < 4; i++) {
		sweep(_metadata, self->fail_nth, &mapped[i], w);
	}
	ASSERT_EQ(NR, call_pin(w));
	sweep(_metadata, self->fail_nth, &unmap, w);
	undo_map(w);
}

/* --- the device file */

static int mmap_region(struct world *w, int region)
{
	w->map = mmap(NULL, VTEST_RAM_BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED, w->u.device, VTEST_OFFSET(region));
	return w->map == MAP_FAILED ? -errno : 0;
}

static int call_mmap_page(struct world *w)
{
	return mmap_region(w, VTEST_REGION_PAGE);
}

static int call_mmap_remap(struct world *w)
{
	return mmap_region(w, VTEST_REGION_REMAP);
}

static void undo_mmap(struct world *w)
{
	munmap(w->map, VTEST_RAM_BYTES);
}

static int call_set_irqs(struct world *w)
{
	return vt_set_req(w->u.device, w->event);
}

static int call_read(struct world *w)
{
	char byte;

	return pread(w->u.device, &byte, 1, 0) == 1 ? 0 : -errno;
}

static int call_get_info(struct world *w)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return vt_ioctl(w->u.device, VFIO_DEVICE_GET_INFO,
			(unsigned long)&info);
}

/* No feature, but the way to knowing that copies; mram_fault_test has some. */
static int call_feature(struct world *w)
{
	uint64_t buf[8] = {};
	struct vfio_device_feature *feature = (void *)buf;
	int ret;

	feature->argsz = sizeof(buf);
	feature->flags = VFIO_DEVICE_FEATURE_GET |
			 VFIO_DEVICE_FEATURE_MIGRATION;
	ret = vt_ioctl(w->u.device, VFIO_DEVICE_FEATURE, (unsigned long)buf);
	return ret == -ENOTTY ? 0 : ret;
}

TEST_F_TIMEOUT(faults, device, 290)
{
	static const struct step steps[] = {
		{ "mmap with faults", call_mmap_page, undo_mmap },
		{ "mmap with remap_pfn_range", call_mmap_remap, undo_mmap },
		{ "SET_IRQS", call_set_irqs },
		{ "read", call_read },
		{ "GET_INFO", call_get_info },
		{ "FEATURE", call_feature },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sweep(_metadata, self->fail_nth, &steps[i], &self->w);
	}
}

TEST_HARNESS_MAIN
