/* SPDX-License-Identifier: GPL-2.0-only */
/* Pointers to it are all that pure logic sees. */
struct bio_vec;
