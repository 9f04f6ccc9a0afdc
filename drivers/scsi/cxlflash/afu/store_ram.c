// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store in memory
 *
 * Pages come with the first write and sit in a table of two levels, which is
 * found in fewer instructions than anything more general: what is to be read is
 * often little.  What has no page reads as zero.  The contents live for as long
 * as the store is open.
 *
 * Readers and writers of existing pages take no lock: they walk and copy
 * inside one RCU read section, and a page that is unmapped is freed after a
 * grace period.  A new page is filled before it is inserted, so nobody ever
 * sees what was in it before.  Two that fill the same page meet in the
 * insertion: the later one copies into the earlier one's.
 *
 * ->copy() may be called where nothing can wait, so it takes only memory that
 * is there and fails with -ENOMEM otherwise.  ->submit() then hands the
 * request to a worker, which waits for memory.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "store_ram.h"

/* Without direct reclaim and, for that matter, without complaint. */
#define RAM_GFP_NOW		(GFP_NOWAIT | __GFP_NOWARN)
#define RAM_GFP_WAIT		(GFP_NOIO | __GFP_NOWARN)
#define RAM_DEFAULT_SIZE	SZ_1G
/* An unmap of more is a worker's, so that no engine is busy with it. */
#define RAM_INLINE_UNMAP	SZ_256K
/* How much is copied in one RCU read section. */
#define RAM_COPY_PIECE		SZ_256K

/* The upper level is one piece of memory. */
#define RAM_MAX_SIZE		(4ULL << 40)

/* Where the page is to be; NULL: there is no leaf.  Under @lock. */
static void __rcu **__store_ram_slot(struct store_ram *ram, u64 pos)
{
	struct ram_table *table;
	struct ram_leaf *leaf;
	u64 idx = pos >> RAM_LEAF_SHIFT;

	lockdep_assert_held(&ram->lock);
	table = rcu_dereference_protected(ram->table,
					  lockdep_is_held(&ram->lock));
	if (idx >= table->nr)
		return NULL;
	leaf = rcu_dereference_protected(table->leaf[idx],
					 lockdep_is_held(&ram->lock));
	return leaf ? &leaf->page[(pos >> PAGE_SHIFT) % RAM_LEAF_PAGES] : NULL;
}

static void store_ram_free_page(struct rcu_head *head)
{
	__free_page(container_of(head, struct page, rcu_head));
}

/* Bytes up to the end of the page that @pos is in, at most @len. */
static u32 store_ram_part(u64 pos, u64 len)
{
	return min_t(u64, len, PAGE_SIZE - offset_in_page(pos));
}

static void store_ram_read(struct store_ram *ram, u64 pos, void *to, u64 len)
{
	void *page;
	u32 part;

	rcu_read_lock();
	for (; len; pos += part, to += part, len -= part) {
		part = store_ram_part(pos, len);
		page = store_ram_find(ram, pos);
		if (page)
			memcpy(to, page + offset_in_page(pos), part);
		else
			memset(to, 0, part);
	}
	rcu_read_unlock();
}

/* Overwrite what exists; returns how many bytes were, up to a missing page. */
static u64 store_ram_overwrite(struct store_ram *ram, u64 pos,
			       const void *from, u64 len)
{
	u64 done = 0;
	void *page;
	u32 part;

	rcu_read_lock();
	while (done < len) {
		page = store_ram_find(ram, pos + done);
		if (!page)
			break;
		part = store_ram_part(pos + done, len - done);
		memcpy(page + offset_in_page(pos + done), from + done, part);
		done += part;
	}
	rcu_read_unlock();
	return done;
}

/* There has to be a leaf: 0, -EIO or -ENOMEM. */
static int store_ram_make_leaf(struct store_ram *ram, u64 pos, gfp_t gfp)
{
	struct ram_leaf *leaf = kzalloc(sizeof(*leaf), gfp);
	u64 idx = pos >> RAM_LEAF_SHIFT;
	struct ram_table *table;
	int ret = 0;

	if (!leaf)
		return -ENOMEM;
	spin_lock_bh(&ram->lock);
	table = rcu_dereference_protected(ram->table,
					  lockdep_is_held(&ram->lock));
	if (idx >= table->nr) {
		ret = -EIO;
	} else if (!rcu_access_pointer(table->leaf[idx])) {
		rcu_assign_pointer(table->leaf[idx], leaf);
		leaf = NULL;
	}
	spin_unlock_bh(&ram->lock);
	kfree(leaf);
	return ret;
}

/* Is there anything in the leaf that @pos is in? */
static bool store_ram_has_leaf(struct store_ram *ram, u64 pos)
{
	const struct ram_table *table;
	u64 idx = pos >> RAM_LEAF_SHIFT;
	bool has;

	rcu_read_lock();
	table = rcu_dereference(ram->table);
	has = idx < table->nr && rcu_access_pointer(table->leaf[idx]);
	rcu_read_unlock();
	return has;
}

/*
 * The first write to a page: 0; -EEXIST if it has just appeared; -EIO; -ENOMEM.
 */
static int store_ram_insert(struct store_ram *ram, u64 pos, const void *from,
			    u32 part, gfp_t gfp)
{
	gfp_t zero = part < PAGE_SIZE ? __GFP_ZERO : 0;
	void __rcu **slot;
	struct page *page;
	int ret = 0;

	if (!store_ram_has_leaf(ram, pos))
		ret = store_ram_make_leaf(ram, pos, gfp);
	if (ret)
		return ret;
	page = alloc_page(gfp | zero);
	if (!page)
		return -ENOMEM;
	memcpy(page_address(page) + offset_in_page(pos), from, part);
	spin_lock_bh(&ram->lock);
	/* Leaves stay. */
	slot = __store_ram_slot(ram, pos);
	if (rcu_access_pointer(*slot))
		ret = -EEXIST;
	else
		rcu_assign_pointer(*slot, page_address(page));
	spin_unlock_bh(&ram->lock);
	if (ret)
		__free_page(page);
	return ret;
}

/**
 * store_ram_write() - write
 * @st: a RAM store
 * @pos: first byte, of a range within the store
 * @from: data
 * @len: bytes
 * @gfp: how to allocate; says whether it may sleep
 *
 * Context: Any but hard irq; may sleep if @gfp may.
 * Return: 0 or -ENOMEM.
 */
int store_ram_write(struct afu_store *st, u64 pos, const void *from, u64 len,
		    gfp_t gfp)
{
	struct store_ram *ram = st->priv;
	u64 done;
	u32 part;
	int ret;

	while (len) {
		done = store_ram_overwrite(ram, pos, from,
					   min_t(u64, len, RAM_COPY_PIECE));
		pos += done;
		from += done;
		len -= done;
		if (!len || done == RAM_COPY_PIECE)
			continue;
		part = store_ram_part(pos, len);
		ret = store_ram_insert(ram, pos, from, part, gfp);
		if (ret == -EEXIST)
			continue;
		if (ret)
			return ret;
		pos += part;
		from += part;
		len -= part;
	}
	return 0;
}

static void store_ram_clear_part(struct store_ram *ram, u64 pos, u32 part)
{
	void *page;

	rcu_read_lock();
	page = store_ram_find(ram, pos);
	if (page)
		memset(page + offset_in_page(pos), 0, part);
	rcu_read_unlock();
}

/* Take a page out, to be freed when its readers have left. */
static void store_ram_erase(struct store_ram *ram, u64 pos)
{
	void __rcu **slot;
	void *page = NULL;

	spin_lock_bh(&ram->lock);
	slot = __store_ram_slot(ram, pos);
	if (slot)
		page = rcu_replace_pointer(*slot, NULL,
					   lockdep_is_held(&ram->lock));
	spin_unlock_bh(&ram->lock);
	if (page)
		call_rcu(&virt_to_page(page)->rcu_head, store_ram_free_page);
}

/**
 * store_ram_discard() - make a range read as zero and free its pages
 * @st: a RAM store
 * @pos: first byte
 * @len: bytes
 *
 * Context: Any but hard irq; takes long if the range is large.
 */
void store_ram_discard(struct afu_store *st, u64 pos, u64 len)
{
	struct store_ram *ram = st->priv;
	u64 end = pos + len;
	u32 part;

	if (offset_in_page(pos)) {
		part = store_ram_part(pos, len);
		store_ram_clear_part(ram, pos, part);
		pos += part;
	}
	if (pos < end && offset_in_page(end)) {
		part = offset_in_page(end);
		end -= part;
		store_ram_clear_part(ram, end, part);
	}
	while (pos < end) {
		if (!store_ram_has_leaf(ram, pos)) {
			pos = ((pos >> RAM_LEAF_SHIFT) + 1) << RAM_LEAF_SHIFT;
			continue;
		}
		store_ram_erase(ram, pos);
		pos += PAGE_SIZE;
	}
}

/* In a worker: with pauses. */
static void store_ram_discard_slowly(struct afu_store *st, u64 pos, u64 len)
{
	u64 part;

	for (; len; pos += part, len -= part) {
		part = min_t(u64, len, SZ_16M - (pos & (SZ_16M - 1)));
		store_ram_discard(st, pos, part);
		cond_resched();
	}
}

static struct ram_table *store_ram_alloc_table(u64 size)
{
	u64 nr = DIV_ROUND_UP_ULL(size, 1ULL << RAM_LEAF_SHIFT);
	struct ram_table *table;

	if (size > RAM_MAX_SIZE)
		return ERR_PTR(-EFBIG);
	table = kvzalloc(struct_size(table, leaf, nr), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->nr = nr;
	return table;
}

static int store_ram_open(struct afu_store *st,
			  const struct afu_store_params *p)
{
	struct ram_table *table;
	struct store_ram *ram;

	st->size = p->size ?: RAM_DEFAULT_SIZE;
	table = store_ram_alloc_table(st->size);
	if (IS_ERR(table))
		return PTR_ERR(table);
	ram = kzalloc(sizeof(*ram), GFP_KERNEL);
	if (!ram) {
		kvfree(table);
		return -ENOMEM;
	}
	spin_lock_init(&ram->lock);
	RCU_INIT_POINTER(ram->table, table);
	st->priv = ram;
	st->unmap_granularity = max_t(u32, PAGE_SIZE, p->block_size);
	st->flags = STORE_MEMORY | STORE_UNMAP | STORE_UNMAP_ZEROES |
		    STORE_FAST_ZERO;
	return 0;
}

static void store_ram_free_leaf(struct ram_leaf *leaf)
{
	unsigned int i;

	if (!leaf)
		return;
	for (i = 0; i < RAM_LEAF_PAGES; i++)
		free_page((unsigned long)
			  rcu_dereference_protected(leaf->page[i], true));
	kfree(leaf);
}

static void store_ram_close(struct afu_store *st)
{
	struct store_ram *ram = st->priv;
	struct ram_table *table = rcu_dereference_protected(ram->table, true);
	u64 i;

	for (i = 0; i < table->nr; i++) {
		store_ram_free_leaf(rcu_dereference_protected(table->leaf[i],
							      true));
		cond_resched();
	}
	kvfree(table);
	kfree(ram);
}

/* A larger upper level. */
static int store_ram_grow(struct store_ram *ram, u64 size)
{
	struct ram_table *old, *table;
	u64 i;

	/* It never shrinks, so it may do; nobody else changes it. */
	old = rcu_dereference_protected(ram->table, true);
	if (size <= old->nr << RAM_LEAF_SHIFT)
		return 0;
	table = store_ram_alloc_table(size);

	if (IS_ERR(table))
		return PTR_ERR(table);
	spin_lock_bh(&ram->lock);
	for (i = 0; i < old->nr; i++)
		RCU_INIT_POINTER(table->leaf[i],
				 rcu_access_pointer(old->leaf[i]));
	rcu_assign_pointer(ram->table, table);
	spin_unlock_bh(&ram->lock);
	synchronize_rcu();
	kvfree(old);
	return 0;
}

/* Whoever shrinks it sees to it that nothing uses what goes. */
static int store_ram_resize(struct afu_store *st, u64 size)
{
	u64 old = st->size;
	int ret = 0;

	if (!size || size % st->block_size)
		return -EINVAL;
	if (size > old)
		ret = store_ram_grow(st->priv, size);
	if (ret)
		return ret;
	WRITE_ONCE(st->size, size);
	if (size < old)
		store_ram_discard_slowly(st, size, old - size);
	return 0;
}

static int store_ram_copy(struct afu_store *st, u64 pos, void *kva, u64 len,
			  bool write)
{
	int ret = store_check(st, write ? AFU_IO_WRITE : AFU_IO_READ, pos, len);
	u64 part;

	if (unlikely(ret))
		return ret;
	if (write)
		return store_ram_write(st, pos, kva, len, RAM_GFP_NOW);
	for (; len; pos += part, kva += part, len -= part) {
		part = min_t(u64, len, RAM_COPY_PIECE);
		store_ram_read(st->priv, pos, kva, part);
	}
	return 0;
}

static int store_ram_write_slowly(struct afu_io *io)
{
	u64 pos = io->pos;
	unsigned int i;
	int ret;

	for (i = 0; i < io->nr_bv; i++) {
		ret = store_ram_write(io->store, pos, bvec_virt(&io->bv[i]),
				      io->bv[i].bv_len, RAM_GFP_WAIT);
		if (ret)
			return ret;
		pos += io->bv[i].bv_len;
	}
	return 0;
}

static void store_ram_work(struct work_struct *work)
{
	struct afu_io *io = container_of(work, struct afu_io, work);
	unsigned int flags = store_noio_begin();
	int ret = 0;

	if (io->op == AFU_IO_WRITE)
		ret = store_ram_write_slowly(io);
	else
		store_ram_discard_slowly(io->store, io->pos, io->len);
	store_end_io(io, ret);
	store_noio_end(flags);
}

static void store_ram_defer(struct afu_io *io)
{
	INIT_WORK(&io->work, store_ram_work);
	queue_work(store_wq, &io->work);
}

static void store_ram_submit(struct afu_store *st, struct afu_io *io)
{
	int ret = store_check(st, io->op, io->pos, io->len);

	io->store = st;
	if (ret) {
		store_end_io(io, ret);
		return;
	}
	switch (io->op) {
	case AFU_IO_READ:
	case AFU_IO_WRITE:
		ret = store_copy_io(io);
		if (ret == -ENOMEM) {
			store_ram_defer(io);
			return;
		}
		break;
	case AFU_IO_ZERO:
	case AFU_IO_UNMAP:
		if (io->len > RAM_INLINE_UNMAP) {
			store_ram_defer(io);
			return;
		}
		store_ram_discard(st, io->pos, io->len);
		break;
	case AFU_IO_FLUSH:
		break;
	}
	store_end_io(io, ret);
}

const struct afu_store_ops store_ram_ops = {
	.name = "ram",
	.open = store_ram_open,
	.close = store_ram_close,
	.resize = store_ram_resize,
	.copy = store_ram_copy,
	.submit = store_ram_submit,
};
