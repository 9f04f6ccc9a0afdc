/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as chunks and slice tables need, on the host
 *
 * Locks are checked, not taken: these programs have one thread.
 */
#ifndef LUN_SHIM_H
#define LUN_SHIM_H

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/types.h>

#ifndef PAGE_SIZE
#define PAGE_SIZE		4096
#endif
#define BITS_TO_LONGS(nr)	(((nr) + 63) / 64)
#define offsetofend(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))
#define cond_resched()		do { } while (0)
#define fatal_signal_pending(task)	false

/* A u64 is a long here, and printf() does not know %pU. */
#pragma GCC diagnostic ignored "-Wformat"

static inline void shim_log(const char *format, ...)
{
}
#define pr_info			shim_log
#define pr_warn			shim_log
#define pr_debug		shim_log
#define scnprintf		snprintf

/* What is our bug in the kernel is one here; chunk_test provokes some. */
static unsigned int nr_warnings;
#undef WARN_ON_ONCE
#define WARN_ON_ONCE(condition) ({		\
	bool __warn = !!(condition);		\
						\
	nr_warnings += __warn;			\
	__warn;					\
})

/* bits */
static inline bool test_bit(u32 nr, const unsigned long *map)
{
	return map[nr / 64] >> (nr % 64) & 1;
}

static inline void __set_bit(u32 nr, unsigned long *map)
{
	map[nr / 64] |= 1UL << (nr % 64);
}

static inline void __clear_bit(u32 nr, unsigned long *map)
{
	map[nr / 64] &= ~(1UL << (nr % 64));
}

static inline void bitmap_set(unsigned long *map, u32 start, u32 nr)
{
	while (nr--)
		__set_bit(start++, map);
}

static inline void bitmap_copy(unsigned long *dst, const unsigned long *src,
			       u32 nr)
{
	memcpy(dst, src, BITS_TO_LONGS(nr) * sizeof(long));
}

static inline u32 find_next_zero_bit(const unsigned long *map, u32 nr, u32 at)
{
	while (at < nr && test_bit(at, map))
		at++;
	return at;
}

/* memory */
#define GFP_KERNEL		0
#define kmalloc(size, gfp)	malloc(size)
#define kzalloc(size, gfp)	calloc(1, size)
#define kvzalloc(size, gfp)	calloc(1, size)
#define kvcalloc(n, size, gfp)	calloc(n, size)
#define kfree(p)		free(p)
#define kvfree(p)		free(p)

/* Declared in tools/. */
void *memchr_inv(const void *p, int c, size_t len)
{
	const u8 *bytes = p;

	for (; len; bytes++, len--)
		if (*bytes != (u8)c)
			return (void *)bytes;
	return NULL;
}

/* locks */
struct mutex {
	bool held;
};

typedef struct mutex spinlock_t;

static inline void mutex_init(struct mutex *lock)
{
	lock->held = false;
}

static inline void mutex_lock(struct mutex *lock)
{
	nr_warnings += lock->held;
	lock->held = true;
}

static inline void mutex_unlock(struct mutex *lock)
{
	nr_warnings += !lock->held;
	lock->held = false;
}

#define lockdep_assert_held(lock)	((void)WARN_ON_ONCE(!(lock)->held))
#define spin_lock_init(lock)		mutex_init(lock)
#define spin_lock(lock)			mutex_lock(lock)
#define spin_unlock(lock)		mutex_unlock(lock)

/* references */
struct kref {
	unsigned int nr;
};

static inline void kref_init(struct kref *ref)
{
	ref->nr = 1;
}

static inline void kref_get(struct kref *ref)
{
	ref->nr++;
}

static inline void kref_put(struct kref *ref, void (*release)(struct kref *ref))
{
	if (!--ref->nr)
		release(ref);
}

/* UUIDs */
typedef struct {
	u8 b[16];
} uuid_t;

static inline void import_uuid(uuid_t *dst, const u8 *src)
{
	memcpy(dst, src, sizeof(*dst));
}

static inline void export_uuid(u8 *dst, const uuid_t *src)
{
	memcpy(dst, src, sizeof(*src));
}

static inline void uuid_copy(uuid_t *dst, const uuid_t *src)
{
	*dst = *src;
}

static inline bool uuid_equal(const uuid_t *a, const uuid_t *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static inline bool uuid_is_null(const uuid_t *uuid)
{
	return !memchr_inv(uuid, 0, sizeof(*uuid));
}

static inline void uuid_gen(uuid_t *uuid)
{
	static u32 next = 1;

	memset(uuid, 0xab, sizeof(*uuid));
	memcpy(uuid->b, &next, sizeof(next));
	next++;
}

/* strings */
static inline void shim_strscpy(char *dst, const char *src, size_t size)
{
	while (*src && --size)
		*dst++ = *src++;
	*dst = 0;
}
#undef strscpy
#define strscpy(dst, src, size)	shim_strscpy(dst, src, size)

/* The machine, for owner records: tests change its name. */
struct new_utsname {
	char nodename[65];
};

static struct new_utsname shim_utsname = { "here" };

static inline struct new_utsname *init_utsname(void)
{
	return &shim_utsname;
}

#define DMI_PRODUCT_UUID	0

static inline const char *dmi_get_system_info(int field)
{
	static const char id[64] = "firmware";

	return id;
}

static inline u32 crc32c(u32 crc, const void *from, unsigned int len)
{
	static u32 table[256];
	const u8 *bytes = from;
	unsigned int i, bit;

	for (i = 0; !table[255] && i < 256; i++)
		for (table[i] = i, bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^
				   (table[i] & 1 ? 0x82f63b78 : 0);
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xff];
	return crc;
}

#endif /* LUN_SHIM_H */
