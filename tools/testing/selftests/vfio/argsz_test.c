// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every ioctl whose argument begins with its size
 *
 * One table, and for each ioctl in it: a size that is too short in every way,
 * the least that will do, and more than the kernel knows, zeroed and not.  The
 * argument ends where memory ends, so that the kernel is caught when it
 * touches more than argsz says or than it needs.
 */
#include "vfio_harness.h"
#include "vtest_ops.h"

#include <sys/mman.h>

#define IOVA	0x20000000ULL
#define CANARY	0xa5

/**
 * enum target - whose ioctl it is
 */
enum target {
	GROUP,
	CONTAINER,
	MRAM,
	OWN,
	FOREIGN,
	NR_TARGETS,
};

/* What a case needs to know to fill in its argument. */
static size_t page;
static void *mem;

static void fill_index(void *arg)
{
	/* argsz, flags, index */
	((uint32_t *)arg)[2] = 0;
}

static void fill_map(void *arg)
{
	struct vfio_iommu_type1_dma_map *map = arg;

	map->flags = VFIO_DMA_MAP_FLAG_READ;
	map->vaddr = (uintptr_t)mem;
	map->iova = IOVA;
	map->size = page;
}

static void fill_unmap(void *arg)
{
	struct vfio_iommu_type1_dma_unmap *unmap = arg;

	unmap->iova = IOVA;
	unmap->size = page;
}

static void fill_dirty(void *arg)
{
	struct vfio_iommu_type1_dirty_bitmap *dirty = arg;

	dirty->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
}

static void fill_irqs(void *arg)
{
	struct vfio_irq_set *set = arg;

	set->flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_INTX_IRQ_INDEX;
	set->start = 0;
	set->count = 0;
}

static void fill_probe(void *arg)
{
	struct vfio_device_feature *feature = arg;

	feature->flags = VFIO_DEVICE_FEATURE_PROBE |
			 VFIO_DEVICE_FEATURE_MIGRATION;
}

static void undo_map(int fd)
{
	__vfio_unmap(fd, IOVA, page, NULL);
}

/**
 * struct argsz_case - an ioctl
 * @name: for messages
 * @target: whose
 * @cmd: its number
 * @minsz: the least it takes
 * @input: bytes that the caller fills in, from the start
 * @flags_in: its flags are an input, so unknown ones are -EINVAL
 * @fill: makes a valid argument, or NULL
 * @undo: undoes what a success has done, or NULL
 */
static const struct argsz_case {
	const char *name;
	enum target target;
	unsigned long cmd;
	size_t minsz;
	size_t input;
	bool flags_in;
	void (*fill)(void *arg);
	void (*undo)(int fd);
} cases[] = {
#define DEVICE_CASES(whose)						\
	{ "GET_INFO " #whose, whose, VFIO_DEVICE_GET_INFO,		\
	  VFIO_ENDOF(struct vfio_device_info, num_irqs), 4, false,	\
	  NULL, NULL },							\
	{ "GET_REGION_INFO " #whose, whose, VFIO_DEVICE_GET_REGION_INFO, \
	  VFIO_ENDOF(struct vfio_region_info, offset), 12, false,	\
	  fill_index, NULL },						\
	{ "GET_IRQ_INFO " #whose, whose, VFIO_DEVICE_GET_IRQ_INFO,	\
	  VFIO_ENDOF(struct vfio_irq_info, count), 12, false,		\
	  fill_index, NULL },						\
	{ "SET_IRQS " #whose, whose, VFIO_DEVICE_SET_IRQS,		\
	  VFIO_ENDOF(struct vfio_irq_set, count), 20, true,		\
	  fill_irqs, NULL }

	{ "GROUP_GET_STATUS", GROUP, VFIO_GROUP_GET_STATUS,
	  VFIO_ENDOF(struct vfio_group_status, flags), 4, false, NULL, NULL },
	{ "IOMMU_GET_INFO", CONTAINER, VFIO_IOMMU_GET_INFO,
	  VFIO_ENDOF(struct vfio_iommu_type1_info, iova_pgsizes), 4, false,
	  NULL, NULL },
	{ "IOMMU_MAP_DMA", CONTAINER, VFIO_IOMMU_MAP_DMA,
	  VFIO_ENDOF(struct vfio_iommu_type1_dma_map, size), 32, true,
	  fill_map, undo_map },
	{ "IOMMU_UNMAP_DMA", CONTAINER, VFIO_IOMMU_UNMAP_DMA,
	  VFIO_ENDOF(struct vfio_iommu_type1_dma_unmap, size), 24, true,
	  fill_unmap, NULL },
	{ "IOMMU_DIRTY_PAGES", CONTAINER, VFIO_IOMMU_DIRTY_PAGES,
	  VFIO_ENDOF(struct vfio_iommu_type1_dirty_bitmap, flags), 8, true,
	  fill_dirty, NULL },
	{ "FEATURE", MRAM, VFIO_DEVICE_FEATURE,
	  VFIO_ENDOF(struct vfio_device_feature, flags), 8, true,
	  fill_probe, NULL },
	DEVICE_CASES(MRAM),
	DEVICE_CASES(OWN),
	DEVICE_CASES(FOREIGN),
};

FIXTURE(argsz) {
	struct vfio_user mram;
	struct vfio_user own;
	struct vfio_user foreign;
	int fds[NR_TARGETS];
};

FIXTURE_SETUP(argsz)
{
	page = vfio_page_size();
	mem = vfio_mem_alloc(page);
	vfio_user_open(&self->mram, "mram", "mram-1");
	vfio_user_open_in(&self->own, "vtest0", "vtest-own",
			  self->mram.container);
	vfio_user_open_in(&self->foreign, "vtest0", "vtest-foreign",
			  self->mram.container);
	self->fds[GROUP] = self->mram.group;
	self->fds[CONTAINER] = self->mram.container;
	self->fds[MRAM] = self->mram.device;
	self->fds[OWN] = self->own.device;
	self->fds[FOREIGN] = self->foreign.device;
}

FIXTURE_TEARDOWN(argsz)
{
	vfio_user_close(&self->foreign);
	vfio_user_close(&self->own);
	vfio_user_close(&self->mram);
	vfio_mem_free(mem, page);
}

/* A valid argument of @len bytes at @arg, of which @argsz are announced. */
static void prepare(const struct argsz_case *c, void *arg, size_t len,
		    uint32_t argsz, uint8_t rest)
{
	char valid[64] = {};

	if (c->fill)
		c->fill(valid);
	*(uint32_t *)valid = argsz;
	memset(arg, rest, len);
	memcpy(arg, valid, len < c->minsz ? len : c->minsz);
}

#define for_each_case(c)						\
	for (c = cases; c < cases + VFIO_ARRAY_SIZE(cases); c++)

TEST_F(argsz, too_short)
{
	const struct argsz_case *c;
	char arg[128];
	uint32_t argsz;

	for_each_case(c) {
		for (argsz = 0; argsz < c->minsz; argsz++) {
			prepare(c, arg, sizeof(arg), argsz, 0);
			EXPECT_ERR(EINVAL, __vfio_ioctl(self->fds[c->target],
							c->cmd, arg)) {
				TH_LOG("%s, argsz %u", c->name, argsz);
			}
		}
	}
}

TEST_F(argsz, exact)
{
	const struct argsz_case *c;
	void *arg;
	int ret;

	for_each_case(c) {
		arg = vfio_guard_alloc(c->minsz);
		prepare(c, arg, c->minsz, c->minsz, 0);
		ret = __vfio_ioctl(self->fds[c->target], c->cmd, arg);
		EXPECT_EQ(0, ret) {
			TH_LOG("%s", c->name);
		}
		if (!ret && c->undo)
			c->undo(self->fds[c->target]);
		vfio_guard_free(arg, c->minsz);
	}
}

/* What is behind the structure is not looked at. */
TEST_F(argsz, long_with_anything_behind)
{
	static const uint8_t rest[] = { 0, 0xff, CANARY };
	const struct argsz_case *c;
	char arg[512];
	size_t i;
	int ret;

	for_each_case(c) {
		for (i = 0; i < sizeof(rest); i++) {
			prepare(c, arg, sizeof(arg), sizeof(arg), rest[i]);
			ret = __vfio_ioctl(self->fds[c->target], c->cmd, arg);
			EXPECT_EQ(0, ret) {
				TH_LOG("%s, rest %#x", c->name, rest[i]);
			}
			if (!ret && c->undo)
				c->undo(self->fds[c->target]);
		}
	}
}

TEST_F(argsz, longest)
{
	const struct argsz_case *c;
	char arg[512];
	int ret;

	for_each_case(c) {
		prepare(c, arg, sizeof(arg), ~0U, 0);
		ret = __vfio_ioctl(self->fds[c->target], c->cmd, arg);
		EXPECT_EQ(0, ret) {
			TH_LOG("%s", c->name);
		}
		if (!ret && c->undo)
			c->undo(self->fds[c->target]);
	}
}

/* A buffer of a given size is left alone behind it. */
TEST_F(argsz, nothing_is_written_behind)
{
	const struct argsz_case *c;
	uint8_t arg[512];
	size_t argsz, i;
	int ret;

	for_each_case(c) {
		for (argsz = c->minsz; argsz < 128; argsz++) {
			prepare(c, arg, sizeof(arg), argsz, CANARY);
			ret = __vfio_ioctl(self->fds[c->target], c->cmd, arg);
			EXPECT_EQ(0, ret) {
				TH_LOG("%s, argsz %zu", c->name, argsz);
			}
			for (i = argsz; i < sizeof(arg); i++)
				if (arg[i] != CANARY)
					break;
			EXPECT_EQ(sizeof(arg), i) {
				TH_LOG("%s, argsz %zu: byte %zu written",
				       c->name, argsz, i);
			}
			if (!ret && c->undo)
				c->undo(self->fds[c->target]);
		}
	}
}

/* Memory that ends before the structure does. */
TEST_F(argsz, memory_ends_early)
{
	const struct argsz_case *c;
	size_t len;
	void *arg;
	int ret;

	for_each_case(c) {
		for (len = 4; len < c->input; len++) {
			arg = vfio_guard_alloc(len);
			/* it says that it is all there: fault */
			prepare(c, arg, len, c->minsz, 0);
			EXPECT_ERR(EFAULT, __vfio_ioctl(self->fds[c->target],
							c->cmd, arg)) {
				TH_LOG("%s, %zu bytes", c->name, len);
			}
			/* it says that it is short: either */
			prepare(c, arg, len, len, 0);
			ret = __vfio_ioctl(self->fds[c->target], c->cmd, arg);
			EXPECT_TRUE(ret == -EFAULT || ret == -EINVAL) {
				TH_LOG("%s, %zu bytes: %d", c->name, len, ret);
			}
			vfio_guard_free(arg, len);
		}
	}
}

TEST_F(argsz, no_memory_at_all)
{
	const struct argsz_case *c;

	for_each_case(c) {
		EXPECT_ERR(EFAULT, __vfio_ioctl(self->fds[c->target], c->cmd,
						NULL)) {
			TH_LOG("%s", c->name);
		}
		EXPECT_ERR(EFAULT, __vfio_ioctl_nr(self->fds[c->target],
						   c->cmd, ~0UL << 63)) {
			TH_LOG("%s", c->name);
		}
	}
}

/* The answer has no place: memory that can only be read. */
TEST_F(argsz, read_only_memory)
{
	const struct argsz_case *c;
	void *arg;

	for_each_case(c) {
		if (c->flags_in && c->cmd != VFIO_IOMMU_UNMAP_DMA)
			continue;
		arg = mmap(NULL, page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, arg);
		prepare(c, arg, c->minsz, c->minsz, 0);
		ASSERT_OK(mprotect(arg, page, PROT_READ));
		EXPECT_ERR(EFAULT, __vfio_ioctl(self->fds[c->target], c->cmd,
						arg)) {
			TH_LOG("%s", c->name);
		}
		munmap(arg, page);
	}
}

TEST_F(argsz, unknown_flags)
{
	const struct argsz_case *c;
	uint32_t arg[64];
	int i, ret;

	for_each_case(c) {
		for (i = 20; i < 32; i++) {
			prepare(c, arg, sizeof(arg), sizeof(arg), 0);
			arg[1] |= 1U << i;
			ret = __vfio_ioctl(self->fds[c->target], c->cmd, arg);
			/* flags that are an output do not matter */
			EXPECT_EQ(c->flags_in ? -EINVAL : 0, ret) {
				TH_LOG("%s, bit %d", c->name, i);
			}
		}
	}
}

/* On a migration's data file, which is not in the table. */
TEST(precopy_info)
{
	uint64_t buf[2 + sizeof(struct vfio_device_feature_mig_state) / 8];
	struct vfio_device_feature *feature = (void *)buf;
	struct vfio_device_feature_mig_state *state = (void *)feature->data;
	struct vfio_precopy_info info;
	struct vfio_user u;
	uint32_t argsz;

	vfio_user_open(&u, "mram", "mram-1");
	memset(buf, 0, sizeof(buf));
	feature->argsz = sizeof(*feature) + sizeof(*state);
	feature->flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	state->device_state = VFIO_DEVICE_STATE_STOP_COPY;
	ASSERT_OK(__vfio_ioctl(u.device, VFIO_DEVICE_FEATURE, feature));
	ASSERT_LE(0, state->data_fd);

	for (argsz = 0; argsz < sizeof(info); argsz++) {
		memset(&info, 0, sizeof(info));
		info.argsz = argsz;
		EXPECT_ERR(EINVAL, __vfio_ioctl(state->data_fd,
						VFIO_MIG_GET_PRECOPY_INFO,
						&info));
	}
	/* mram has no pre-copy, so enough is still not answered. */
	for (; argsz < sizeof(info) + 8; argsz++) {
		info.argsz = argsz;
		EXPECT_ERR(ENOTTY, __vfio_ioctl(state->data_fd,
						VFIO_MIG_GET_PRECOPY_INFO,
						&info));
	}
	EXPECT_ERR(EFAULT, __vfio_ioctl(state->data_fd,
					VFIO_MIG_GET_PRECOPY_INFO, NULL));
	close(state->data_fd);
	vfio_user_close(&u);
}

TEST_HARNESS_MAIN
