/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a store in memory is looked up, see store_ram.c: the flat path does that
 * by itself, which takes half of what asking the store would
 */
#ifndef CXLFLASH_AFU_STORE_RAM_H
#define CXLFLASH_AFU_STORE_RAM_H

#include "store.h"

#define RAM_LEAF_SHIFT		(PAGE_SHIFT + PAGE_SHIFT - 3)
#define RAM_LEAF_PAGES		(PAGE_SIZE / sizeof(void *))

/**
 * struct ram_leaf - the lower level, a page of it
 * @page: kernel addresses of pages, RCU
 */
struct ram_leaf {
	void __rcu *page[RAM_LEAF_PAGES];
};

/**
 * struct ram_table - the upper level
 * @nr: of @leaf
 * @leaf: made with the first page in it, gone with the store, RCU
 */
struct ram_table {
	u64 nr;
	struct ram_leaf __rcu *leaf[];
};

/**
 * struct store_ram - a store in memory
 * @table: what readers look at, RCU
 */
struct store_ram {
	/** @lock: protects changes of @table and all below; BH off, leaf */
	spinlock_t lock;
	struct ram_table __rcu *table;
};

/* Under RCU: the page that @pos is in, or NULL. */
static inline void *store_ram_find(const struct store_ram *ram, u64 pos)
{
	const struct ram_table *table = rcu_dereference(ram->table);
	const struct ram_leaf *leaf;
	u64 idx = pos >> RAM_LEAF_SHIFT;

	if (unlikely(idx >= table->nr))
		return NULL;
	leaf = rcu_dereference(table->leaf[idx]);
	if (unlikely(!leaf))
		return NULL;
	return rcu_dereference(leaf->page[(pos >> PAGE_SHIFT) %
					  RAM_LEAF_PAGES]);
}

#endif /* CXLFLASH_AFU_STORE_RAM_H */
