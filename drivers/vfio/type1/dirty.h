/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bitmaps of dirty pages: arrays of u64, bit n is bit n % 64 of word n / 64
 *
 * Pure logic: no locks, no allocation.  The same source runs in the kernel,
 * in KUnit and on the host under sanitizers.
 *
 * This is the layout of the user ABI, on every architecture; unlike the
 * kernel's own bitmaps it does not depend on the size of a long.
 */
#ifndef VFIO_TYPE1_DIRTY_H
#define VFIO_TYPE1_DIRTY_H

#include <linux/types.h>

/** DIRTY_WORD - bits in a word of a bitmap */
#define DIRTY_WORD		64

/** DIRTY_PAGES_MAX - most pages in one bitmap, the user's or a range's */
#define DIRTY_PAGES_MAX		0x7fffffffULL

/** DIRTY_BYTES_MAX - and the bytes of that bitmap: 256 MiB */
#define DIRTY_BYTES_MAX		(1ULL << 28)

/**
 * dirty_words() - words in a bitmap
 * @nr_pages: bits in it
 *
 * Context: Any.
 * Return: words, also for @nr_pages near the end of u64.
 */
static inline u64 dirty_words(u64 nr_pages)
{
	return nr_pages / DIRTY_WORD + !!(nr_pages % DIRTY_WORD);
}

bool dirty_size_ok(u64 nr_pages, u64 bytes);
void dirty_set(u64 *map, u64 first, u64 nr);
void dirty_clear(u64 *map, u64 first, u64 nr);
void dirty_or(u64 *dst, u64 dst_first, const u64 *src, u64 src_first, u64 nr);

#endif /* VFIO_TYPE1_DIRTY_H */
