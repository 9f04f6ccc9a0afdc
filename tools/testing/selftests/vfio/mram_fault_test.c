// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation on the way of a device's features fails once
 *
 * As in fault_injection_test, with the sample mram, because vtest has no
 * features.  What a call that has failed may leave behind:
 *
 *   a transition  the device is in some state on the way, says so, and a reset
 *                 leads back to RUNNING; no descriptor
 *   a data file   the stream is where it was: no byte is lost or doubled
 *   the log       START that fails does not log; a report that fails loses
 *                 no page; a page that was written is reported, whatever
 *                 else is
 *   an interrupt  can be set up again, and is delivered
 *
 * Memory that is left behind is found by the rig's leak check.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "fault.h"
#include "vfio_harness.h"
#include "mram_mig.h"

#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define P2P		VFIO_DEVICE_STATE_RUNNING_P2P
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING

#define PAGE		4096
#define CREATE		"/sys/class/mdev_bus/mram/mdev_supported_types/mram-1/"

static const uint32_t states[] = { STOP, RUNNING, P2P, STOP_COPY, RESUMING };
#define NR_STATES	VFIO_ARRAY_SIZE(states)

FIXTURE(mram_faults) {
	struct mram_client c;
	uint8_t *good;		/* a stream */
	size_t len;		/* its length */
	uint8_t *stream;
	int fail_nth;
};

FIXTURE_SETUP(mram_faults)
{
	self->fail_nth = -1;
	if (!fault_can_inject())
		SKIP(return, "this kernel has no fault injection");
	mram_client_open(&self->c, "mram-1");
	self->good = vfio_mem_alloc(MRAM_STREAM_MAX);
	self->stream = vfio_mem_alloc(MRAM_STREAM_MAX);
	vfio_pattern_fill((void *)self->c.map, self->c.map_bytes, 1);
	self->len = mram_mig_save(&self->c, self->good);
	ASSERT_EQ(0, mram_mig_set(&self->c, RUNNING, NULL));
	self->fail_nth = fault_open();
	ASSERT_LE(0, self->fail_nth);
}

FIXTURE_TEARDOWN(mram_faults)
{
	if (self->fail_nth < 0)
		return;
	close(self->fail_nth);
	mram_client_close(&self->c);
	vfio_mem_free(self->good, MRAM_STREAM_MAX);
	vfio_mem_free(self->stream, MRAM_STREAM_MAX);
}

/* The descriptor that is handed out next. */
static int lowest_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

/* Count the failure if that is what it is; false when the sweep has ended. */
static bool counts(struct __test_metadata *_metadata, const char *what,
		   int nth, int ret, bool hit, int *failures)
{
	if (ret < 0) {
		++*failures;
		EXPECT_TRUE(hit && fault_is_errno(ret))
			TH_LOG("%s: fault %d: %s", what, nth, strerror(-ret));
	}
	if (!hit) {
		printf("# %s: %d faults, %d failures\n", what, nth - 1,
		       *failures);
		EXPECT_LT(1, nth);
	}
	EXPECT_LT(nth, FAULT_MAX_NTH);
	return hit && nth < FAULT_MAX_NTH;
}

/* --- transitions */

static uint32_t next_state(uint32_t from, uint32_t to)
{
	switch (from) {
	case RUNNING:
		return P2P;
	case P2P:
		return to == RUNNING ? RUNNING : STOP;
	case STOP:
		return to == STOP_COPY || to == RESUMING ? to : P2P;
	default:
		return STOP;
	}
}

static bool is_on_the_way(uint32_t from, uint32_t to, uint32_t state)
{
	while (from != state && from != to)
		from = next_state(from, to);
	return from == state;
}

static const char *state_name(uint32_t state)
{
	static const char * const names[] = {
		[STOP] = "STOP", [RUNNING] = "RUNNING", [P2P] = "P2P",
		[STOP_COPY] = "STOP_COPY", [RESUMING] = "RESUMING",
	};

	return names[state];
}

/* From RUNNING to @state, with a stream that allows to leave RESUMING. */
static void reach(struct mram_client *c, uint32_t state, const uint8_t *stream,
		  size_t len)
{
	int fd;

	vfio_ioctl(c->u.device, VFIO_DEVICE_RESET, NULL);
	VFIO_CHECK(mram_mig_get(c) == RUNNING);
	if (state == RESUMING) {
		mram_mig_feed(c, stream, len);
		return;
	}
	VFIO_CHECK(!mram_mig_set(c, state, &fd));
	if (fd >= 0)
		close(fd);
}

/* Returns what the ioctl does; a file for the states that have one. */
static int go(struct __test_metadata *_metadata, struct mram_client *c,
	      uint32_t to)
{
	int fd, ret = mram_mig_set(c, to, &fd);

	if (!ret)
		EXPECT_EQ(to == STOP_COPY || to == RESUMING, fd >= 0);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void sweep_transition(struct __test_metadata *_metadata,
			     struct mram_client *c, int fail_nth,
			     uint32_t from, uint32_t to,
			     const uint8_t *stream, size_t len)
{
	int failures = 0, nth = 0, ret, fd;
	uint32_t state;
	char what[64];
	bool hit;

	snprintf(what, sizeof(what), "%s to %s", state_name(from),
		 state_name(to));
	do {
		reach(c, from, stream, len);
		fd = lowest_fd();
		fault_arm(fail_nth, ++nth);
		ret = go(_metadata, c, to);
		hit = fault_disarm(fail_nth);
		state = mram_mig_get(c);
		EXPECT_EQ(fd, lowest_fd());
		if (ret) {
			EXPECT_TRUE(is_on_the_way(from, to, state))
				TH_LOG("%s: fault %d: in %u", what, nth, state);
			reach(c, from, stream, len);
			EXPECT_EQ(0, go(_metadata, c, to));
			state = mram_mig_get(c);
		}
		EXPECT_EQ(to, state);
	} while (counts(_metadata, what, nth, ret, hit, &failures));
}

TEST_F_TIMEOUT(mram_faults, transitions, 290)
{
	size_t i, j;

	for (i = 0; i < NR_STATES; i++) {
		for (j = 0; j < NR_STATES; j++) {
			if (i == j)
				continue;
			sweep_transition(_metadata, &self->c, self->fail_nth,
					 states[i], states[j], self->good,
					 self->len);
		}
	}
	reach(&self->c, STOP, NULL, 0);
	ASSERT_EQ(0, mram_mig_load(&self->c, self->good, self->len));
	ASSERT_EQ(0, mram_mig_set(&self->c, RUNNING, NULL));
	ASSERT_TRUE(vfio_pattern_matches((void *)self->c.map,
					 self->c.map_bytes, 1));
}

/* --- data files */

/* Chunks of many sizes, from a byte to more than a page. */
static size_t chunk(int i)
{
	return 1 + i * 787 % 7000;
}

/* Every call fails in all ways that it can before the next one is made. */
TEST_F_TIMEOUT(mram_faults, reads, 290)
{
	int fd, i, nth = 1, failures = 0;
	size_t done = 0;
	ssize_t ret;
	bool hit;

	ASSERT_EQ(0, mram_mig_set(&self->c, STOP_COPY, &fd));
	for (i = 0; i < 100000; i++) {
		fault_arm(self->fail_nth, nth);
		ret = read(fd, self->stream + done, chunk(i));
		ret = ret < 0 ? -errno : ret;
		hit = fault_disarm(self->fail_nth);
		nth = hit ? nth + 1 : 1;
		if (!ret)
			break;
		if (ret > 0) {
			done += ret;
			continue;
		}
		failures++;
		ASSERT_TRUE(hit && fault_is_errno(ret))
			TH_LOG("%s", strerror(-ret));
	}
	printf("# %d reads, %d failures\n", i, failures);
	EXPECT_LT(0, failures);
	EXPECT_EQ(self->len, done);
	EXPECT_EQ(0, memcmp(self->good, self->stream, self->len));
	close(fd);
}

TEST_F_TIMEOUT(mram_faults, writes, 290)
{
	int fd, i, nth = 1, failures = 0;
	size_t done = 0, len;
	ssize_t ret;
	bool hit;

	vfio_pattern_fill((void *)self->c.map, self->c.map_bytes, 2);
	ASSERT_EQ(0, mram_mig_set(&self->c, RESUMING, &fd));
	for (i = 0; done < self->len; i++) {
		len = chunk(i);
		if (len > self->len - done)
			len = self->len - done;
		fault_arm(self->fail_nth, nth);
		ret = write(fd, self->good + done, len);
		ret = ret < 0 ? -errno : ret;
		hit = fault_disarm(self->fail_nth);
		nth = hit ? nth + 1 : 1;
		if (ret > 0) {
			done += ret;
			continue;
		}
		failures++;
		ASSERT_TRUE(hit && fault_is_errno(ret))
			TH_LOG("%s", strerror(-ret));
	}
	printf("# %d writes, %d failures\n", i, failures);
	EXPECT_LT(0, failures);
	close(fd);
	ASSERT_EQ(0, mram_mig_set(&self->c, RUNNING, NULL));
	EXPECT_TRUE(vfio_pattern_matches((void *)self->c.map,
					 self->c.map_bytes, 1));
}

/* --- what can be asked for, and whether it can */

static int ask(struct mram_client *c, uint32_t flags)
{
	char buf[64] = {};

	return __vfio_feature(c->u.device, flags, buf, sizeof(buf));
}

TEST_F_TIMEOUT(mram_faults, questions, 290)
{
	static const uint32_t questions[] = {
#define GET(x)		(VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_##x)
#define PROBE_GET(x)	(VFIO_DEVICE_FEATURE_PROBE | GET(x))
#define PROBE_SET(x)	(VFIO_DEVICE_FEATURE_PROBE |		\
			 VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_##x)
		GET(MIGRATION), GET(MIG_DEVICE_STATE), GET(MIG_DATA_SIZE),
		PROBE_GET(MIGRATION), PROBE_GET(MIG_DEVICE_STATE),
		PROBE_SET(MIG_DEVICE_STATE), PROBE_GET(MIG_DATA_SIZE),
		PROBE_SET(DMA_LOGGING_START), PROBE_SET(DMA_LOGGING_STOP),
		PROBE_GET(DMA_LOGGING_REPORT),
	};
	int failures, nth, ret;
	char what[32];
	size_t i;
	bool hit;

	for (i = 0; i < VFIO_ARRAY_SIZE(questions); i++) {
		snprintf(what, sizeof(what), "feature %#x", questions[i]);
		failures = nth = 0;
		do {
			fault_arm(self->fail_nth, ++nth);
			ret = ask(&self->c, questions[i]);
			hit = fault_disarm(self->fail_nth);
			EXPECT_EQ(0, ask(&self->c, questions[i]));
		} while (counts(_metadata, what, nth, ret, hit, &failures));
		EXPECT_LT(0, failures);
	}
	EXPECT_EQ(RUNNING, mram_mig_get(&self->c));
}

/* --- the log */

/* The device writes to the pages @first and @first + 1. */
static void write_two(struct mram_client *c, int first)
{
	VFIO_CHECK(mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA +
			     first * PAGE + 1, 0, PAGE) == MRAM_ERR_NONE);
}

TEST_F_TIMEOUT(mram_faults, log_start, 290)
{
	int failures = 0, nth = 0, ret;
	struct mram_client *c = &self->c;
	uint64_t bits = 0;
	bool hit;

	do {
		fault_arm(self->fail_nth, ++nth);
		ret = mram_log_start(c);
		hit = fault_disarm(self->fail_nth);
		if (ret) {
			EXPECT_EQ(-EINVAL, __mram_log_report(c, &bits));
			ASSERT_EQ(0, mram_log_start(c));
		}
		write_two(c, 4);
		EXPECT_EQ(3 << 4, mram_log_report(c));
		ASSERT_EQ(0, mram_log_stop(c));
	} while (counts(_metadata, "START", nth, ret, hit, &failures));
	EXPECT_EQ(0, bits);
}

TEST_F_TIMEOUT(mram_faults, log_report, 290)
{
	int failures = 0, nth = 0, ret;
	struct mram_client *c = &self->c;
	uint64_t bits;
	bool hit;

	ASSERT_EQ(0, mram_log_start(c));
	do {
		bits = 0;
		write_two(c, nth % 30);
		fault_arm(self->fail_nth, ++nth);
		ret = __mram_log_report(c, &bits);
		hit = fault_disarm(self->fail_nth);
		if (ret)
			ASSERT_EQ(0, __mram_log_report(c, &bits));
		EXPECT_EQ(3ULL << (nth - 1) % 30, bits);
	} while (counts(_metadata, "REPORT", nth, ret, hit, &failures));
}

TEST_F_TIMEOUT(mram_faults, log_stop, 290)
{
	int failures = 0, nth = 0, ret;
	struct mram_client *c = &self->c;
	uint64_t bits = 0;
	bool hit;

	do {
		ASSERT_EQ(0, mram_log_start(c));
		write_two(c, 9);
		fault_arm(self->fail_nth, ++nth);
		ret = mram_log_stop(c);
		hit = fault_disarm(self->fail_nth);
		if (ret) {
			EXPECT_EQ(3 << 9, mram_log_report(c));
			EXPECT_EQ(0, mram_log_stop(c));
		}
		EXPECT_EQ(-EINVAL, __mram_log_report(c, &bits));
	} while (counts(_metadata, "STOP", nth, ret, hit, &failures));
}

/* Unmapped once, so that nothing is pinned, and no page is there. */
static void forget_memory(struct mram_client *c)
{
	vfio_unmap(c->u.container, MRAM_IOVA, MRAM_MEM);
	VFIO_CHECK(!madvise(c->mem, MRAM_MEM, MADV_REMOVE));
	vfio_map(c->u.container, c->mem, MRAM_IOVA, MRAM_MEM);
}

/* Ring the doorbell: all else is prepared.  0 or -errno. */
static int ring(struct mram_client *c, uint32_t cmd)
{
	return pwrite(c->u.device, &cmd, 4, c->bell + MRAM_REG_CMD) == 4 ?
	       0 : -errno;
}

/* What was written is in the log, and a command that says so was done. */
static void check_written(struct __test_metadata *_metadata,
			  struct mram_client *c, int ret)
{
	uint32_t error = mram_reg(c, MRAM_REG_ERROR);
	uint64_t bits;
	int i;

	ASSERT_TRUE(VFIO_WAIT(!mram_busy(c), 10000));
	bits = mram_log_report(c);
	for (i = 0; i < 4; i++)
		if (c->mem[i * PAGE + PAGE / 2])
			EXPECT_TRUE(bits >> i & 1);
	EXPECT_TRUE(error == MRAM_ERR_NONE || error == MRAM_ERR_DMA);
	if (!ret && error == MRAM_ERR_NONE)
		EXPECT_TRUE(vfio_pattern_matches(c->mem, 3 * PAGE, 1));
}

static void sweep_writes(struct __test_metadata *_metadata,
			 struct mram_client *c, int fail_nth, uint32_t cmd)
{
	int failures = 0, nth = 0, ret;
	uint32_t count;
	bool hit;

	/* Registers for 3 pages from the start, which stay as they are. */
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(c, cmd, MRAM_IOVA, 0, 3 * PAGE));
	do {
		forget_memory(c);
		ASSERT_EQ(0, mram_log_start(c));
		count = mram_reg(c, MRAM_REG_COUNT);
		fault_arm(fail_nth, ++nth);
		ret = ring(c, cmd);
		hit = fault_disarm(fail_nth);
		if (ret)
			EXPECT_EQ(count, mram_reg(c, MRAM_REG_COUNT));
		check_written(_metadata, c, ret);
		ASSERT_EQ(0, mram_log_start(c));
		ASSERT_EQ(0, ring(c, cmd));
		check_written(_metadata, c, 0);
		EXPECT_EQ(MRAM_ERR_NONE, mram_reg(c, MRAM_REG_ERROR));
		EXPECT_EQ(0, mram_log_report(c));
	} while (counts(_metadata, cmd & MRAM_CMD_PIN ? "pinned write" :
			"write", nth, ret, hit, &failures));
}

TEST_F_TIMEOUT(mram_faults, device_writes, 290)
{
	sweep_writes(_metadata, &self->c, self->fail_nth, MRAM_CMD_TO_GUEST);
	sweep_writes(_metadata, &self->c, self->fail_nth,
		     MRAM_CMD_TO_GUEST | MRAM_CMD_PIN);
}

/* --- interrupts */

/* INTx, with an eventfd that unmasks it. */
static int set_intx(struct mram_client *c, int irq, int unmask)
{
	int ret = mram_intx_trigger(c, irq);

	return ret ? ret : mram_intx_unmask_fd(c, unmask);
}

static int set_msi(struct mram_client *c, int irq, int unmask)
{
	return __vfio_set_trigger(c->u.device, VFIO_PCI_MSI_IRQ_INDEX, 0, irq);
}

static void sweep_irq(struct __test_metadata *_metadata, struct mram_client *c,
		      int fail_nth, uint32_t index,
		      int (*set)(struct mram_client *c, int irq, int unmask))
{
	int irq = vfio_eventfd(), unmask = vfio_eventfd();
	int failures = 0, nth = 0, ret;
	bool hit;

	do {
		fault_arm(fail_nth, ++nth);
		ret = set(c, irq, unmask);
		hit = fault_disarm(fail_nth);
		if (ret)
			ASSERT_EQ(0, set(c, irq, unmask));
		mram_reg_write(c, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
		write_two(c, 0);
		EXPECT_EQ(1, vfio_eventfd_wait(irq, 5000));
		if (set == set_intx) {
			/* Still high: unmasking signals it again. */
			ASSERT_EQ(0, eventfd_write(unmask, 1));
			EXPECT_EQ(1, vfio_eventfd_wait(irq, 5000));
		}
		mram_reg_write(c, MRAM_REG_IRQ_ENABLE, 0);
		mram_reg_write(c, MRAM_REG_IRQ_STATUS, MRAM_IRQ_DONE);
		ASSERT_EQ(0, __vfio_disable_irqs(c->u.device, index));
	} while (counts(_metadata, set == set_intx ? "INTx" : "MSI", nth, ret,
			hit, &failures));
	close(irq);
	close(unmask);
}

TEST_F_TIMEOUT(mram_faults, interrupts, 290)
{
	sweep_irq(_metadata, &self->c, self->fail_nth,
		  VFIO_PCI_INTX_IRQ_INDEX, set_intx);
	sweep_irq(_metadata, &self->c, self->fail_nth,
		  VFIO_PCI_MSI_IRQ_INDEX, set_msi);
}

/* --- creation: the device's RAM, and what it counts against */

TEST_F_TIMEOUT(mram_faults, create, 290)
{
	int failures = 0, nth = 0, ret, fd = open(CREATE "create", O_WRONLY);
	long before = vfio_attr_read_long(CREATE "available_instances");
	char uuid[VFIO_UUID_LEN];
	bool hit;

	ASSERT_LE(0, fd);
	vfio_uuid_random(uuid);
	do {
		fault_arm(self->fail_nth, ++nth);
		ret = pwrite(fd, uuid, VFIO_UUID_LEN - 1, 0) < 0 ? -errno : 0;
		hit = fault_disarm(self->fail_nth);
		EXPECT_EQ(!ret, vfio_mdev_exists(uuid));
		if (!ret)
			vfio_mdev_remove(uuid);
		EXPECT_EQ(before, vfio_attr_read_long(CREATE
						      "available_instances"));
	} while (counts(_metadata, "create", nth, ret, hit, &failures));
	close(fd);
}

TEST_HARNESS_MAIN
