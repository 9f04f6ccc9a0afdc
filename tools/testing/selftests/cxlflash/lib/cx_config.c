// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adapters and LUNs by configfs
 */
#include "cx_lib.h"

#include <limits.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define ROOT	"/sys/kernel/config/cxlflash"

static void path_of(char *path, const char *format, va_list args)
{
	int len = snprintf(path, PATH_MAX, "%s/", ROOT);

	vsnprintf(path + len, PATH_MAX - len, format, args);
}

int cx_set(const char *value, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int fd, ret;

	va_start(args, format);
	path_of(path, format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int cx_get(char *value, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	ssize_t len;
	int fd;

	va_start(args, format);
	path_of(path, format, args);
	va_end(args);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, value, size - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	while (len > 0 && value[len - 1] == '\n')
		len--;
	value[len] = 0;
	return 0;
}

static int make_dir(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	path_of(path, format, args);
	va_end(args);
	return mkdir(path, 0755) ? -errno : 0;
}

static int remove_dir(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	path_of(path, format, args);
	va_end(args);
	return rmdir(path) ? -errno : 0;
}

int cx_lun_make(const char *name, const char *store, const char *path,
		const char *size, unsigned int block_size)
{
	char text[16];
	int ret;

	ret = make_dir("luns/%s", name);
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "%u", block_size);
	ret = cx_set(store, "luns/%s/store", name);
	if (!ret)
		ret = cx_set(text, "luns/%s/block_size", name);
	if (!ret && path)
		ret = cx_set(path, "luns/%s/path", name);
	if (!ret && size)
		ret = cx_set(size, "luns/%s/size", name);
	if (!ret)
		ret = cx_set("1", "luns/%s/enable", name);
	return ret;
}

int cx_lun_remove(const char *name)
{
	cx_set("0", "luns/%s/enable", name);
	return remove_dir("luns/%s", name);
}

int cx_adapter_make(const char *name)
{
	return make_dir("adapters/%s", name);
}

int cx_adapter_link(const char *name, unsigned int port, unsigned int lun_id,
		    const char *lun)
{
	char from[PATH_MAX], to[PATH_MAX];
	int ret;

	ret = make_dir("adapters/%s/port%u/%u", name, port, lun_id);
	if (ret)
		return ret;
	snprintf(to, sizeof(to), ROOT "/luns/%s", lun);
	snprintf(from, sizeof(from), ROOT "/adapters/%s/port%u/%u/lun", name,
		 port, lun_id);
	return symlink(to, from) ? -errno : 0;
}

int cx_adapter_live(const char *name, bool live)
{
	return cx_set(live ? "1" : "0", "adapters/%s/live", name);
}

int cx_adapter_remove(const char *name)
{
	char path[PATH_MAX];

	cx_adapter_live(name, false);
	for (unsigned int port = 0; port < 4; port++) {
		for (unsigned int lun = 0; lun < 8; lun++) {
			snprintf(path, sizeof(path),
				 ROOT "/adapters/%s/port%u/%u/lun", name, port,
				 lun);
			unlink(path);
			remove_dir("adapters/%s/port%u/%u", name, port, lun);
		}
	}
	return remove_dir("adapters/%s", name);
}

/* The modules, and configfs, unless they are there. */
static int load(void)
{
	if (access("/dev/cxtest", F_OK) &&
	    system("modprobe -a cxlflash_afu cxtest"))
		return -ENODEV;
	if (access(ROOT, F_OK) &&
	    mount("none", "/sys/kernel/config", "configfs", 0, NULL))
		return -errno;
	return 0;
}

int cx_world(const char *store, const char *size, unsigned int block_size)
{
	return cx_world_on(store, NULL, size, block_size);
}

int cx_world_on(const char *store, const char *path, const char *size,
		unsigned int block_size)
{
	int ret;

	ret = load();
	if (ret)
		return ret;
	cx_world_end();
	ret = cx_lun_make("t", store, path, size, block_size);
	if (!ret)
		ret = cx_adapter_make("t");
	if (!ret)
		ret = cx_set("0", "adapters/t/host");
	if (!ret)
		ret = cx_adapter_link("t", 0, 0, "t");
	if (!ret)
		ret = cx_adapter_live("t", true);
	return ret;
}

void cx_world_end(void)
{
	cx_adapter_remove("t");
	cx_lun_remove("t");
}
