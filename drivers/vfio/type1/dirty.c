// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bitmaps of dirty pages: set, clear, and or from any bit to any bit
 */
#include "dirty.h"

/* A mask of @nr bits, 1 to 64, from bit @shift on. */
static u64 dirty_mask(unsigned int shift, unsigned int nr)
{
	return (~0ULL >> (DIRTY_WORD - nr)) << shift;
}

/* Bits that a step may take: up to the end of the word, up to @nr. */
static unsigned int dirty_step(u64 first, u64 nr)
{
	unsigned int room = DIRTY_WORD - first % DIRTY_WORD;

	return nr < room ? nr : room;
}

/**
 * dirty_size_ok() - does the user's bitmap fit the request?
 * @nr_pages: pages asked about
 * @bytes: of the user's bitmap
 *
 * Context: Any.
 * Return: true if there is something to report, @bytes hold it in whole
 *         words, and the bitmap is not over the limit.
 */
bool dirty_size_ok(u64 nr_pages, u64 bytes)
{
	return nr_pages && bytes && bytes <= DIRTY_BYTES_MAX &&
	       dirty_words(nr_pages) <= bytes / sizeof(u64);
}

/**
 * dirty_set() - mark pages
 * @map: the bitmap
 * @first: first page
 * @nr: pages
 *
 * Context: Any; the owner's lock held.
 */
void dirty_set(u64 *map, u64 first, u64 nr)
{
	unsigned int step;

	for (; nr; first += step, nr -= step) {
		step = dirty_step(first, nr);
		map[first / DIRTY_WORD] |= dirty_mask(first % DIRTY_WORD, step);
	}
}

/**
 * dirty_clear() - unmark pages
 * @map: the bitmap
 * @first: first page
 * @nr: pages
 *
 * Context: Any; the owner's lock held.
 */
void dirty_clear(u64 *map, u64 first, u64 nr)
{
	unsigned int step;

	for (; nr; first += step, nr -= step) {
		step = dirty_step(first, nr);
		map[first / DIRTY_WORD] &=
			~dirty_mask(first % DIRTY_WORD, step);
	}
}

/* @nr bits, 1 to 64, from bit @first on; reads no word that it needs not. */
static u64 dirty_get(const u64 *map, u64 first, unsigned int nr)
{
	unsigned int shift = first % DIRTY_WORD;
	u64 word = first / DIRTY_WORD;
	u64 bits = map[word] >> shift;

	if (shift + nr > DIRTY_WORD)
		bits |= map[word + 1] << (DIRTY_WORD - shift);
	return bits & dirty_mask(0, nr);
}

/**
 * dirty_or() - mark in one bitmap what is marked in another
 * @dst: where to
 * @dst_first: bit in @dst of the first page
 * @src: where from; does not overlap @dst
 * @src_first: bit in @src of the first page
 * @nr: pages
 *
 * Context: Any; the owners' locks held.
 */
void dirty_or(u64 *dst, u64 dst_first, const u64 *src, u64 src_first, u64 nr)
{
	unsigned int step;

	for (; nr; dst_first += step, src_first += step, nr -= step) {
		step = dirty_step(dst_first, nr);
		dst[dst_first / DIRTY_WORD] |=
			dirty_get(src, src_first, step) <<
			(dst_first % DIRTY_WORD);
	}
}
