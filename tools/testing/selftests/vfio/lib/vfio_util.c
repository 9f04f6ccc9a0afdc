// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selftests: memory, eventfds, processes, a device's directory
 */
#include "vfio_lib.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

bool vfio_mdev_vfio_dir(const char *uuid, char path[VFIO_PATH_LEN])
{
	char parent[VFIO_PATH_LEN];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	vfio_mdev_path(uuid, "vfio-dev", parent);
	dir = opendir(parent);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		found = snprintf(path, VFIO_PATH_LEN, "%s/%s", parent,
				 entry->d_name) < VFIO_PATH_LEN;
	}
	closedir(dir);
	return found;
}

/* A device that goes away meanwhile needs no grace. */
void vfio_mdev_set_grace(const char *uuid, unsigned int ms)
{
	char dir[VFIO_PATH_LEN], path[VFIO_PATH_LEN + 32];
	int ret;

	if (!vfio_mdev_vfio_dir(uuid, dir))
		return;
	snprintf(path, sizeof(path), "%s/removal_grace_ms", dir);
	ret = __vfio_attr_write(path, "%u", ms);
	if (ret && vfio_mdev_exists(uuid))
		fprintf(stderr, "# grace of %s: %s\n", uuid, strerror(-ret));
}

void *vfio_mem_alloc(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		VFIO_FAIL("no memory: %zu bytes", size);
	return mem;
}

void vfio_mem_free(void *mem, size_t size)
{
	munmap(mem, size);
}

static size_t guard_room(size_t len)
{
	size_t page = vfio_page_size();

	return (len + page - 1) / page * page;
}

void *vfio_guard_alloc(size_t len)
{
	size_t room = guard_room(len), page = vfio_page_size();
	char *mem;

	mem = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		VFIO_FAIL("no memory: %zu bytes", room + page);
	if (mprotect(mem + room, page, PROT_NONE))
		VFIO_FAIL("mprotect: %s", strerror(errno));
	return mem + room - len;
}

void vfio_guard_free(void *mem, size_t len)
{
	size_t room = guard_room(len);

	munmap((char *)mem + len - room, room + vfio_page_size());
}

static uint32_t pattern(size_t i, uint32_t seed)
{
	uint32_t x = (uint32_t)i * 2654435761u + seed * 40503u + 1;

	return x ^ x >> 15;
}

void vfio_pattern_fill(void *mem, size_t size, uint32_t seed)
{
	uint8_t *bytes = mem;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = pattern(i, seed);
}

bool vfio_pattern_matches(const void *mem, size_t size, uint32_t seed)
{
	const uint8_t *bytes = mem;
	size_t i;

	for (i = 0; i < size; i++)
		if (bytes[i] != (uint8_t)pattern(i, seed))
			return false;
	return true;
}

int vfio_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		VFIO_FAIL("eventfd: %s", strerror(errno));
	return fd;
}

uint64_t vfio_eventfd_wait(int fd, unsigned int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (poll(&pfd, 1, ms) != 1 || read(fd, &count, sizeof(count)) !=
	    sizeof(count))
		return 0;
	return count;
}

void vfio_child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int vfio_child_wait(pid_t pid, unsigned int ms)
{
	int status;

	if (!VFIO_WAIT(waitpid(pid, &status, WNOHANG) == pid, ms)) {
		vfio_child_kill(pid);
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
