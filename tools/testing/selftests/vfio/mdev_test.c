// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mediated devices: what mdev.sh cannot do in a shell, or not soon
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/netlink.h>

#include "vfio_harness.h"
#include "mram_client.h"

/* --- open files */

/* An open group, container and device outlive the device; its UUID is free. */
TEST(uuid_is_free_whatever_is_open)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct mram_client c;
	char path[32];
	struct stat st;

	mram_client_open(&c, "mram-1");
	vfio_mdev_set_grace(c.u.uuid, 100);
	ASSERT_OK(__vfio_mdev_remove(c.u.uuid));
	EXPECT_FALSE(vfio_mdev_exists(c.u.uuid));
	ASSERT_OK(__vfio_mdev_create("mram", "mram-1", c.u.uuid));
	snprintf(path, sizeof(path), "/dev/vfio/%d",
		 vfio_mdev_group(c.u.uuid));
	EXPECT_EQ(0, stat(path, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_ERR(ENODEV, __vfio_ioctl(c.u.device, VFIO_DEVICE_GET_INFO,
					&info));
	mram_client_close(&c);
	EXPECT_FALSE(vfio_mdev_exists(c.u.uuid));
}

/* --- uevents, straight from the kernel: there need not be a udev */

#define EVENT_MAX	8192

static int event_socket(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd, size = 1 << 20;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
		    NETLINK_KOBJECT_UEVENT);
	VFIO_CHECK(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	VFIO_CHECK(!bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	return fd;
}

/* Is @line one of the event's, which are separated by NUL? */
static bool event_has(const char *event, size_t len, const char *line)
{
	const char *at;

	for (at = event; at < event + len; at += strlen(at) + 1)
		if (!strcmp(at, line))
			return true;
	return false;
}

/* Of "@action@.../@name", which has @line, comes one? None has @not. */
static bool event_comes(int fd, const char *action, const char *name,
			const char *line, const char *not)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char event[EVENT_MAX + 1];
	const char *end;
	ssize_t len;

	while (poll(&pfd, 1, 10000) == 1) {
		len = recv(fd, event, EVENT_MAX, 0);
		VFIO_CHECK(len > 0);
		event[len] = '\0';
		if (not && event_has(event, len, not))
			return false;
		end = strrchr(event, '/');
		if (!strncmp(event, action, strlen(action)) &&
		    event[strlen(action)] == '@' && end &&
		    !strcmp(end + 1, name) && event_has(event, len, line))
			return true;
	}
	return false;
}

TEST(uevents_tell)
{
	const char *knob = "/sys/class/vtest/vtest0/registered";
	const char *yes = "MDEV_STATE=registered";
	const char *no = "MDEV_STATE=unregistered";
	char uuid[VFIO_UUID_LEN];
	int fd;

	vfio_need_parent("vtest0");
	fd = event_socket();
	vfio_mdev_create("vtest0", "vtest-own", uuid);
	EXPECT_TRUE(event_comes(fd, "add", uuid, "SUBSYSTEM=mdev", NULL));
	vfio_mdev_remove(uuid);
	EXPECT_TRUE(event_comes(fd, "remove", uuid, "SUBSYSTEM=mdev", NULL));
	vfio_attr_write(knob, "0");
	EXPECT_TRUE(event_comes(fd, "change", "vtest0", no, yes));
	vfio_attr_write(knob, "1");
	EXPECT_TRUE(event_comes(fd, "change", "vtest0", yes, no));
	close(fd);
}

TEST_HARNESS_MAIN
