/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slice table of a formatted LUN
 *
 * Chunk 0 belongs to the table.  Copy 0 begins at its first byte, copy 1 in
 * its middle.  A copy is a superblock of 4096 bytes and a body: for each slice
 * its entry, followed by its extents, padded with zeros to a multiple of 4096.
 * All numbers are little endian.
 *
 *	|superblock|entry|extent|extent|entry|extent|...|000|
 *
 * An extent is a run of chunks, in the order of the slice, that are all written
 * or all unwritten.  An unwritten chunk reads as zero whatever it holds.
 *
 * The superblock's CRC32C covers the superblock, its body_crc the body.
 */
#ifndef CXLFLASH_AFU_TABLE_H
#define CXLFLASH_AFU_TABLE_H

#include <linux/build_bug.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/uuid.h>

struct chunk_map;
struct cxlflash_lun;

#define TABLE_MAGIC		"CXLSLICE"
#define TABLE_VERSION		1
#define TABLE_SB_BYTES		4096
#define TABLE_COPY_BYTES	(SZ_128M)
#define TABLE_BODY_MAX		(TABLE_COPY_BYTES - SZ_64K)
#define TABLE_SLICES_MAX	8192
#define TABLE_NAME_LEN		64	/* with the terminating zero */
#define TABLE_GENERATION_MAX	(1ULL << 62)
/* Chunk indices leave room for the flag below. */
#define TABLE_CHUNKS_MAX	(1U << 24)
/* In memory, with a chunk's index: it reads as zero. */
#define TABLE_UNWRITTEN		(1U << 31)

/**
 * struct table_owner_disk - who has the LUN activated
 * @activation: random; zero: nobody
 * @boot: random, drawn when the module was loaded
 * @node: the machine's name, padded with zeros
 * @machine: what its firmware calls it, padded with zeros
 */
struct table_owner_disk {
	u8 activation[16];
	u8 boot[16];
	u8 node[64];
	u8 machine[48];
};

static_assert(sizeof(struct table_owner_disk) == 144);

/**
 * struct table_sb_disk - a superblock
 * @magic: TABLE_MAGIC, no zero at its end
 * @version: TABLE_VERSION
 * @crc: CRC32C of the superblock, with this as zero
 * @uuid: of the LUN, new with each formatting
 * @wwid: of the LUN
 * @generation: the newer copy has the higher one; not 0
 * @block_size: that slices' sizes are counted in
 * @nr_chunks: of the LUN when this was written; it may have grown
 * @nr_slices: entries
 * @body_crc: CRC32C of the body
 * @body_len: bytes
 * @owner: who has it
 * @reserved: zero
 */
struct table_sb_disk {
	u8 magic[8];
	__le32 version;
	__le32 crc;
	u8 uuid[16];
	u8 wwid[16];
	__le64 generation;
	__le32 block_size;
	__le32 nr_chunks;
	__le32 nr_slices;
	__le32 body_crc;
	__le64 body_len;
	struct table_owner_disk owner;
	u8 reserved[TABLE_SB_BYTES - 224];
};

static_assert(sizeof(struct table_sb_disk) == TABLE_SB_BYTES);

/**
 * struct table_slice_disk - a slice
 * @uuid: of its mediated device
 * @name: printable ASCII without blanks, or empty; padded with zeros
 * @nr_blocks: size, not 0
 * @flags: the user's
 * @nr_chunks: as many as @nr_blocks needs
 * @nr_extents: that follow
 * @reserved: zero
 */
struct table_slice_disk {
	u8 uuid[16];
	u8 name[TABLE_NAME_LEN];
	__le64 nr_blocks;
	__le32 flags;
	__le32 nr_chunks;
	__le32 nr_extents;
	u8 reserved[28];
};

static_assert(sizeof(struct table_slice_disk) == 128);

#define TABLE_EXTENT_UNWRITTEN	1

/**
 * struct table_extent_disk - a run of chunks
 * @first: of the LUN; 0 is the table's own
 * @nr: how many, not 0
 * @flags: TABLE_EXTENT_*
 * @reserved: zero
 */
struct table_extent_disk {
	__le32 first;
	__le32 nr;
	__le32 flags;
	__le32 reserved;
};

static_assert(sizeof(struct table_extent_disk) == 16);

/**
 * struct table_slice - a slice in memory
 * @node: in the table
 * @uuid: of its mediated device
 * @name: or empty
 * @nr_blocks: size
 * @flags: the user's
 * @nr_chunks: of @chunk
 * @chunk: index of each, perhaps with TABLE_UNWRITTEN
 */
struct table_slice {
	struct list_head node;
	uuid_t uuid;
	char name[TABLE_NAME_LEN];
	u64 nr_blocks;
	u32 flags;
	u32 nr_chunks;
	u32 *chunk;
};

/**
 * struct lun_table - the table of an active LUN
 * @ref: the LUN's while it is active, and those who work on it
 * @lun: whose
 * @closed: no longer active
 * @uncertain: a superblock was not written for sure, so disk may be ahead
 * @generation: last one used
 * @copy: which copy is the newest
 * @uuid: of the LUN
 * @owner: our record
 * @names_lock: for a look at @slices without @lock
 * @slices: struct table_slice
 * @nr_slices: how many
 * @nr_mapped: chunks that they have
 * @chunks: who has what; lun->chunks while active
 * @buf: body on its way, TABLE_BUF_BYTES
 * @sb: superblock on its way
 */
struct lun_table {
	struct kref ref;
	/** @lock: protects all below; over store I/O; inside the acts' lock */
	struct mutex lock;
	struct cxlflash_lun *lun;
	bool closed;
	bool uncertain;
	u64 generation;
	unsigned int copy;
	u8 uuid[16];
	struct table_owner_disk owner;
	/** @names_lock: taken with @lock to change who is in @slices; leaf */
	struct mutex names_lock;
	struct list_head slices;
	u32 nr_slices;
	u64 nr_mapped;
	struct chunk_map *chunks;
	u8 *buf;
	struct table_sb_disk *sb;
};

/**
 * struct table_slice_info - what is known of a slice
 * @uuid: of its mediated device
 * @name: or empty
 * @nr_blocks: size
 * @flags: the user's
 * @nr_chunks: that it has; set by table_slice_find() only
 * @nr_unwritten: of these; set by table_slice_find() only
 */
struct table_slice_info {
	uuid_t uuid;
	char name[TABLE_NAME_LEN];
	u64 nr_blocks;
	u32 flags;
	u32 nr_chunks;
	u32 nr_unwritten;
};

/**
 * struct table_found - what both superblocks say
 * @newest: copy to be tried first; -1: none is valid
 * @oldest: copy to be tried then; -1: it is not valid
 * @looks_formatted: at least one has been a superblock
 * @damage: why none is valid
 */
struct table_found {
	int newest;
	int oldest;
	bool looks_formatted;
	int damage;
};

/* table_fmt.c: pure */
void table_sb_seal(struct table_sb_disk *sb);
int table_sb_check(const struct table_sb_disk *sb);
void table_slice_encode(const struct table_slice *sl,
			struct table_slice_disk *out);
int table_slice_decode(const struct table_slice_disk *in, u32 block_size,
		       u32 nr_chunks, struct table_slice *sl);
u32 table_extent_encode(const struct table_slice *sl, u32 at,
			struct table_extent_disk *out);
int table_extent_decode(const struct table_extent_disk *in,
			struct table_slice *sl, u32 *at);
u32 table_nr_extents(const struct table_slice *sl);
bool table_name_is_valid(const char *name);
u64 table_blocks_to_chunks(u64 nr_blocks, u32 block_size);

/* table_io.c: to and from the store */
struct lun_table *table_new(struct cxlflash_lun *lun);
void table_put(struct lun_table *tab);
void table_slice_free(struct table_slice *sl);
struct table_slice *table_find_uuid(struct lun_table *tab, const uuid_t *uuid);
int table_read_sb(struct cxlflash_lun *lun, unsigned int copy,
		  struct table_sb_disk *sb);
int table_find(struct cxlflash_lun *lun, struct table_sb_disk *sb,
	       struct table_found *found);
int table_load(struct lun_table *tab);
int table_commit(struct lun_table *tab);

/* table.c: owners, formatting */
void table_init(void);
void table_close(struct cxlflash_lun *lun);
struct lun_table *table_begin(struct cxlflash_lun *lun);
void table_end(struct lun_table *tab);

/* table_slice.c: crash-safe changes */
int table_slice_create(struct cxlflash_lun *lun,
		       const struct table_slice_info *info);
int table_slice_find(struct cxlflash_lun *lun, const uuid_t *uuid,
		     struct table_slice_info *info);
int table_slice_map(struct cxlflash_lun *lun, const uuid_t *uuid, u32 first,
		    u32 nr, u32 *out);
int table_slice_resize(struct cxlflash_lun *lun, const uuid_t *uuid,
		       u64 nr_blocks);
int table_slice_set_written(struct cxlflash_lun *lun, const uuid_t *uuid,
			    u32 at);
int table_slice_delete(struct cxlflash_lun *lun, const uuid_t *uuid);
bool table_has_slice(struct lun_table *tab, const uuid_t *uuid);

#endif /* CXLFLASH_AFU_TABLE_H */
