// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks: who has which 256 MiB of a LUN
 *
 * One byte per chunk counts its users (a clone shares chunks), one bit says
 * that it is in use, one that it may hold what a former owner wrote.  Nothing
 * below @hint is free, so an allocation finds the lowest free chunk and looks
 * at each word of the bitmap once between two releases.
 *
 * What is in a chunk when a map is made is unknown, hence dirty.  Who takes a
 * chunk takes over that knowledge, and hands it back with chunk_put().
 *
 * Locals: map, chunk.
 */
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "afu.h"

/* 4 PiB: more is not a typing error but cannot be meant seriously either. */
#define CHUNK_MAP_MAX	(1U << 24)
#define CHUNK_REFS_MAX	255

/**
 * struct chunk_map - the allocator of a LUN
 * @nr: chunks
 * @nr_free: of these
 * @hint: no chunk below is free
 * @used: one bit each
 * @dirty: one bit each, meaningful while free
 * @refs: one byte each
 */
struct chunk_map {
	/** @lock: protects all members; never taken in interrupts; leaf */
	spinlock_t lock;
	u32 nr;
	u32 nr_free;
	u32 hint;
	unsigned long *used;
	unsigned long *dirty;
	u8 *refs;
};

static void chunk_arrays_free(struct chunk_map *map)
{
	kvfree(map->refs);
	kvfree(map->dirty);
	kvfree(map->used);
}

static int chunk_arrays_alloc(struct chunk_map *map, u64 nr_chunks)
{
	if (nr_chunks > CHUNK_MAP_MAX)
		return -EFBIG;
	map->nr = nr_chunks;
	map->used = kvcalloc(BITS_TO_LONGS(map->nr) + 1, sizeof(long),
			     GFP_KERNEL);
	map->dirty = kvcalloc(BITS_TO_LONGS(map->nr) + 1, sizeof(long),
			      GFP_KERNEL);
	map->refs = kvzalloc(map->nr + 1, GFP_KERNEL);
	if (map->used && map->dirty && map->refs)
		return 0;
	chunk_arrays_free(map);
	return -ENOMEM;
}

/**
 * chunk_map_create() - make an allocator, all chunks free and dirty
 * @nr_chunks: how many
 *
 * Context: may sleep.
 * Return: the map; ERR_PTR: -ENOMEM, -EFBIG for more than 2^24 chunks.
 */
struct chunk_map *chunk_map_create(u64 nr_chunks)
{
	struct chunk_map *map;
	int ret;

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&map->lock);
	ret = chunk_arrays_alloc(map, nr_chunks);
	if (ret) {
		kfree(map);
		return ERR_PTR(ret);
	}
	map->nr_free = map->nr;
	bitmap_set(map->dirty, 0, map->nr);
	return map;
}

/**
 * chunk_map_destroy() - free an allocator, whatever is in use
 * @map: that, or NULL
 *
 * Context: may sleep.  Nobody else uses @map.
 */
void chunk_map_destroy(struct chunk_map *map)
{
	if (!map)
		return;
	chunk_arrays_free(map);
	kfree(map);
}

/**
 * chunk_map_grow() - add chunks at the end, free and dirty
 * @map: to it
 * @nr_chunks: how many there are then
 *
 * Context: may sleep; not twice at a time on one @map.
 * Return: 0; -EINVAL if it would shrink; -EFBIG; -ENOMEM.
 */
int chunk_map_grow(struct chunk_map *map, u64 nr_chunks)
{
	struct chunk_map old, new = { };
	int ret;

	if (nr_chunks < map->nr)
		return -EINVAL;
	if (nr_chunks == map->nr)
		return 0;
	ret = chunk_arrays_alloc(&new, nr_chunks);
	if (ret)
		return ret;
	spin_lock(&map->lock);
	bitmap_copy(new.used, map->used, map->nr);
	bitmap_copy(new.dirty, map->dirty, map->nr);
	memcpy(new.refs, map->refs, map->nr);
	bitmap_set(new.dirty, map->nr, new.nr - map->nr);
	old.used = map->used;
	old.dirty = map->dirty;
	old.refs = map->refs;
	map->nr_free += new.nr - map->nr;
	map->nr = new.nr;
	map->used = new.used;
	map->dirty = new.dirty;
	map->refs = new.refs;
	spin_unlock(&map->lock);
	chunk_arrays_free(&old);
	return 0;
}

/**
 * chunk_map_free() - how many chunks are free
 * @map: of it
 *
 * Context: any but interrupts.
 * Return: that, as of now.
 */
u64 chunk_map_free(struct chunk_map *map)
{
	u64 nr;

	spin_lock(&map->lock);
	nr = map->nr_free;
	spin_unlock(&map->lock);
	return nr;
}

static void chunk_take(struct chunk_map *map, u32 chunk)
{
	lockdep_assert_held(&map->lock);
	__set_bit(chunk, map->used);
	__clear_bit(chunk, map->dirty);
	map->refs[chunk] = 1;
	map->nr_free--;
}

/**
 * chunk_alloc() - take the lowest free chunk
 * @map: from it
 * @chunk: which one it is
 * @dirty: it may hold a former owner's data: clear it before it is read
 *
 * Context: any but interrupts.
 * Return: 0; -ENOSPC without a free one.
 */
int chunk_alloc(struct chunk_map *map, u32 *chunk, bool *dirty)
{
	u32 i;

	spin_lock(&map->lock);
	if (!map->nr_free) {
		spin_unlock(&map->lock);
		return -ENOSPC;
	}
	i = find_next_zero_bit(map->used, map->nr, map->hint);
	*chunk = i;
	*dirty = test_bit(i, map->dirty);
	chunk_take(map, i);
	map->hint = i + 1;
	spin_unlock(&map->lock);
	return 0;
}

/**
 * chunk_reserve() - take a certain chunk, as a stored table says
 * @map: from it
 * @chunk: which one; may come from a disk that cannot be trusted
 *
 * Context: any but interrupts.
 * Return: 0; -EINVAL if there is none such; -EEXIST if it is in use.
 */
int chunk_reserve(struct chunk_map *map, u32 chunk)
{
	int ret = 0;

	spin_lock(&map->lock);
	if (chunk >= map->nr)
		ret = -EINVAL;
	else if (test_bit(chunk, map->used))
		ret = -EEXIST;
	else
		chunk_take(map, chunk);
	spin_unlock(&map->lock);
	return ret;
}

/**
 * chunk_get() - share a chunk that is in use
 * @map: of it
 * @chunk: which one
 *
 * Context: any but interrupts.
 * Return: 0; -EIO if 255 share it already.
 */
int chunk_get(struct chunk_map *map, u32 chunk)
{
	int ret = 0;

	spin_lock(&map->lock);
	if (WARN_ON_ONCE(chunk >= map->nr || !map->refs[chunk]))
		ret = -EINVAL;
	else if (map->refs[chunk] == CHUNK_REFS_MAX)
		ret = -EIO;
	else
		map->refs[chunk]++;
	spin_unlock(&map->lock);
	return ret;
}

/**
 * chunk_put() - give up a chunk
 * @map: of it
 * @chunk: which one; free again with its last user
 * @dirty: data may have been written to it, or it was not cleared
 *
 * Nothing reads or writes the chunk for the caller any more.
 *
 * Context: any but interrupts.
 */
void chunk_put(struct chunk_map *map, u32 chunk, bool dirty)
{
	spin_lock(&map->lock);
	if (WARN_ON_ONCE(chunk >= map->nr || !map->refs[chunk]))
		goto out_unlock;
	/* Sticks: one user's "clean" does not outweigh another's "dirty". */
	if (dirty)
		__set_bit(chunk, map->dirty);
	if (--map->refs[chunk])
		goto out_unlock;
	__clear_bit(chunk, map->used);
	map->nr_free++;
	if (chunk < map->hint)
		map->hint = chunk;
out_unlock:
	spin_unlock(&map->lock);
}

/**
 * chunk_clear() - make a dirty chunk read as zero, durably
 * @lun: that it belongs to
 * @chunk: which one; the caller has it alone
 *
 * Skipped if the administrator said that the LUN's data are not secret, or if
 * its store keeps none.
 *
 * Context: may sleep, as long as the store does.
 * Return: 0; -ENODEV if the LUN was revoked; what the store says.
 */
int chunk_clear(struct cxlflash_lun *lun, u32 chunk)
{
	struct afu_store *st;
	int ret = 0;

	if (!lun_tryget_io(lun))
		return -ENODEV;
	st = lun->store;
	if (!READ_ONCE(lun->secret) || (st->flags & STORE_DATALESS))
		goto out_put_io;
	ret = store_zero_sync(st, chunk * SISL_CHUNK_BYTES, SISL_CHUNK_BYTES);
	if (!ret)
		ret = store_flush_sync(st);
out_put_io:
	lun_put_io(lun);
	return ret;
}
