/* What the files of the library share. Every collective function goes through stages: local work, whose
 * failures are noted; an agreement, after which either all ranks go on or none does; an exchange. A stage
 * that needs memory for an exchange takes it before the agreement. */
#ifndef TL_MPI_PRIVATE_H
#define TL_MPI_PRIVATE_H

#include <tulle/isa.h>
#include <tulle/mpi.h>
#include <tulle/parallel.h>

enum { TL_MPI_TEXT = 512 /* bytes of an error text */, TL_MPI_FIELDS = 5 /* of an agreement */ };

#define TL_MPI_REAL (sizeof(tl_real) == 4 ? MPI_FLOAT : MPI_DOUBLE)

/* The first failure of a kind; TL_OK: none. */
typedef struct tl_mpi_failure {
    tl_status status;
    char text[TL_MPI_TEXT];
} tl_mpi_failure;

/* Memory that is taken piece by piece and given back at once: scratch memory of a node, so that it is the
 * library's. */
typedef struct tl_mpi_memory {
    tl_graph *graph;
    tl_node *holder;
} tl_mpi_memory;

/* What a rank sends to all others when MPI fails there. They finish what they began before that exchange, in
 * which the rank took part, and give up in it. */
typedef struct tl_mpi_alarm {
    int64_t exchange; /* its number, counted alike on all ranks; INT64_MAX: there is no alarm */
    char text[TL_MPI_TEXT];
} tl_mpi_alarm;

/* A block of the tree: `size` parts, a power of two, from a multiple of that. A rank's parts are a few of
 * them. */
typedef struct tl_mpi_block {
    int64_t part, size;
    int rank;
} tl_mpi_block;

/* How the rows of a table are spread over ranks; rows = 0: they are not. */
typedef struct tl_mpi_deal {
    int64_t rows;
    int ranks;
    tl_partition split;
} tl_mpi_deal;

/* The gradient of a part, multiplied by its weight: rows of all ranks, ascending. */
typedef struct tl_mpi_part_rows {
    struct tl_mpi_part_rows *next; /* of the part before */
    int64_t part, n;
    const int32_t *row;
    const tl_real *values;
} tl_mpi_part_rows;

/* The gradient of a variable in the sum that is being made. */
typedef enum tl_mpi_kind { TL_MPI_ABSENT, TL_MPI_DENSE, TL_MPI_ROWS } tl_mpi_kind;

typedef struct tl_mpi_variable {
    tl_variable *variable;
    tl_pattern *pattern;         /* a reference, so that no other pattern gets its address */
    uint64_t digest;             /* of the variable and its pattern */
    tl_mpi_kind kind;            /* of this rank's parts */
    int64_t order;               /* of the first appearance: part << 32 | index among the pairs */
    tl_mpi_deal deal;            /* of a table that is shared out */
    tl_mpi_part_rows *part_rows; /* of such a table, the last part first */
} tl_mpi_variable;

/* Counts and displacements of an exchange, one per rank. */
typedef struct tl_mpi_counts {
    int *send, *send_at, *receive, *receive_at;
} tl_mpi_counts;

struct tl_mpi {
    MPI_Comm comm, alarms; /* of the library alone: exchanges, and errors of MPI */
    int rank, ranks;
    int32_t parts, first, last;
    int32_t n_blocks, first_block, last_block; /* of all ranks, ordered by parts; this rank's */
    tl_mpi_block *block;
    int32_t *blocks_from; /* [ranks + 1] the first block of each rank */
    int64_t *peers;       /* [ranks] numbers that are compared */
    /* What is on the way in an agreement: in a place that stays, as a message of a call that was given up may
     * come. */
    int64_t field[TL_MPI_FIELDS];
    char text[TL_MPI_TEXT];
    tl_mpi_counts counts;
    MPI_Request *request; /* [2 * ranks]; until then the one below */
    MPI_Request first_request;

    int64_t exchange;          /* the number of the last exchange */
    tl_mpi_alarm alarm, heard; /* sent, or the first one in the order of exchanges; being received */

    tl_mpi_memory own, sum, call; /* as long as this; of a sum; of a call */
    tl_graph **total;             /* one per block of this rank: the sum over its parts */
    int32_t n_variables, capacity;
    tl_mpi_variable *variable;
    int64_t next; /* the least part that may be added */
    bool ended;   /* the next call begins another sum */

    tl_mpi_failure noted; /* since the last agreement */
    tl_mpi_failure kept;  /* by tl_mpi_add, for tl_mpi_total */
    tl_mpi_failure lost;  /* of MPI, on some rank: nothing can be exchanged any more */
};

/* ---- Memory (memory.c) ---- */

/* Return n elements of `size` bytes, 64-byte aligned. NULL if memory is short: noted in m, if that is not
 * NULL. */
void *tl_mpi_take(tl_mpi *m, tl_mpi_memory *from, int64_t n, size_t size);
void *tl_mpi_take_zero(tl_mpi *m, tl_mpi_memory *from, int64_t n, size_t size);

/* Gives all of it back, unless messages may still arrive in it. */
void tl_mpi_give_back(const tl_mpi *m, tl_mpi_memory *of);

/* ---- Messages (talk.c): each returns TL_OK, or fails on all ranks within moments ---- */

tl_status tl_mpi_least(tl_mpi *m); /* the least over the ranks, of each of m->field */
tl_status tl_mpi_from(tl_mpi *m, int root, void *bytes, int n);

/* Exchange and gather by m->counts, in units of `size` elements of a type. To gather, only .receive and
 * .receive_at are set, and what this rank has is in its place. */
tl_status tl_mpi_exchange(tl_mpi *m, const void *from, void *to, MPI_Datatype type, int size);
tl_status tl_mpi_gather(tl_mpi *m, void *all, MPI_Datatype type, int size);

/* ---- Agreement (agree.c) ---- */

/* Stores a failure and tl_error(), if it is one and the first. Returns the first one's status. */
tl_status tl_mpi_store(tl_mpi_failure *f, tl_status status);

/* Records a stored failure as the thread's last, and returns it. */
tl_status tl_mpi_fail(const tl_mpi_failure *f);

/* Notes a failure of this rank, for the next agreement. Returns m->noted.status. */
tl_status tl_mpi_note(tl_mpi *m, tl_status status);

/* What must be the same on all ranks: the call, the instruction set, the parts, and the variables of a list.
 * */
typedef struct tl_mpi_claim {
    const char *call;
    uint64_t digest; /* of the list */
    int32_t n;
    const tl_mpi_variable *variable; /* without a pattern: that is not compared */
} tl_mpi_claim;

/* Returns TL_OK if all ranks claim the same and none has noted a failure. Otherwise all fail. *least, unless
 * least is NULL, becomes the least over the ranks. What was noted is forgotten. */
tl_status tl_mpi_agree_on(tl_mpi *m, const tl_mpi_claim *claim, int64_t *least);

/* The same within a call whose claim was agreed on. */
tl_status tl_mpi_agree(tl_mpi *m, int64_t *least);

/* ---- Variables (variables.c) ---- */

/* Returns a hash of a text that goes on from another's. */
uint64_t tl_mpi_hash(uint64_t h, const void *bytes, int64_t n);

/* Writes a variable's name, shape, kind and pattern. */
void tl_mpi_describe(const tl_mpi_variable *v, char text[TL_MPI_TEXT]);

/* Takes note of the pattern that a variable has now, or of none, and computes the digest. */
void tl_mpi_refresh(tl_mpi_variable *v, bool with_pattern);
uint64_t tl_mpi_list_digest(const tl_mpi_variable *v, int32_t n);

/* Returns the number of a variable, -1 if it was not broadcast; `hint` is looked at first. */
int32_t tl_mpi_number(const tl_mpi *m, const tl_variable *v, int32_t hint);

/* Reserves capacity for n more variables (noted), and adds one unless it is there. */
void tl_mpi_reserve(tl_mpi *m, int32_t n);
void tl_mpi_register(tl_mpi *m, tl_variable *v);

/* ---- The tree (tree.c) ---- */

/* Lays out the blocks. TL_ERR_MEMORY, noted. */
void tl_mpi_lay_out(tl_mpi *m);

/* Terms of a sum: the k-th is of block number block[k], ascending, and at base + offset[k]. */
typedef struct tl_mpi_terms {
    int32_t n;
    const int32_t *block;
    const int64_t *offset;
    tl_real *base;
} tl_mpi_terms;

/* Sums n values of each term, of which there is one at least, along the tree. `block` is m->block, or a list
 * in its place. Returns where the sum is: in the place of a term. */
tl_real *tl_mpi_join(const tl_mpi *m, const tl_mpi_block *block, const tl_mpi_terms *t, int64_t n);

/* ---- Sums of gradients (total.c, dense.c, rows.c) ---- */

/* A sum after the agreement on what there is. */
typedef struct tl_mpi_sums {
    const tl_gradient **own; /* [own blocks][variables] NULL: absent */
    int64_t *state;          /* of all ranks and blocks; see tl_mpi_state */
    tl_mpi_kind *kind;       /* [variables] over all parts */
    tl_gradient *result;     /* [variables] */
} tl_mpi_sums;

/* What a block has of a variable: the number of rows, or one of these. */
enum { TL_MPI_NOTHING = -2, TL_MPI_ALL = -1 };

/* Returns the place in `state` of what block b of rank r has of variable 0; the rank's orders precede those
 * of its first block. */
static inline int64_t tl_mpi_state_at(const tl_mpi *m, int rank, int64_t block)
{
    return (int64_t)m->n_variables * (block + rank + 1);
}

/* Exchange and sum gradients of a kind: make fills in `result`, after which the ranks have yet to agree. */
tl_status tl_mpi_sum_dense(tl_mpi *m, const tl_mpi_sums *s);
tl_status tl_mpi_sum_rows(tl_mpi *m, const tl_mpi_sums *s);

/* Ascending lists of rows, merged: row[i] is in the lists block[first[i]] .. block[first[i + 1] - 1], whose
 * values of it are at `offset`. */
typedef struct tl_mpi_merged {
    int64_t n;
    int32_t *row, *block;
    int64_t *first, *offset;
} tl_mpi_merged;

/* A list of n rows, whose values of a row each follow those of the row before. */
typedef struct tl_mpi_list {
    int64_t n, values_at;
    const int32_t *row;
} tl_mpi_list;

/* Merges n lists, of which list k is of block k. The arrays are taken from m->sum; failures are noted. */
void tl_mpi_merge(tl_mpi *m, int32_t n, tl_mpi_list *list, int64_t width, tl_mpi_merged *out);

/* Sums merged rows along the tree; `block` as for tl_mpi_join. The terms are overwritten. */
void tl_mpi_join_rows(const tl_mpi *m, const tl_mpi_block *block, const tl_mpi_merged *rows, int64_t width,
                      tl_real *terms, tl_real *sums);

/* The distinct ones of a list of rows, ascending: row k of the list is row[of[k]]. */
typedef struct tl_mpi_distinct {
    int64_t n;
    int32_t *row, *of;
} tl_mpi_distinct;

/* Finds them, in memory of m->call. TL_ERR_MEMORY; then there are none. */
tl_status tl_mpi_find_distinct(tl_mpi *m, int64_t n, const int32_t *rows, tl_mpi_distinct *out);

/* ---- Tables that are shared out (table.c, lookup.c, part_rows.c) ---- */

/* Returns the number of a rank's rows; the rank that has a row, and sets *own to its number there; and the
 * row that a rank has under a number. */
int64_t tl_mpi_dealt(const tl_mpi_deal *d, int rank);
int tl_mpi_owner(const tl_mpi_deal *d, int64_t row, int64_t *own);
int64_t tl_mpi_dealt_row(const tl_mpi_deal *d, int rank, int64_t own);

static inline bool tl_mpi_is_table(const tl_mpi_variable *v)
{
    return v->deal.rows > 0;
}

/* Returns the table that a variable is this rank's share of, NULL if it is none. */
tl_mpi_variable *tl_mpi_find_table(const tl_mpi *m, const tl_variable *v);

/* Returns the number of ids of a lookup in such a table, and the ids; -1 for any other node. */
int64_t tl_mpi_lookup_ids(const tl_node *y, const int32_t **ids);

/* Takes the gradient of a part from the graph of g, of which `pair` is the table's pair, without rows. */
tl_status tl_mpi_add_part_rows(tl_mpi *m, tl_mpi_variable *t, int64_t part, const tl_gradients *g,
                               const tl_gradient *pair, double weight);

/* Replaces the pairs of such tables in s->own by sums over the blocks. Failures are noted. */
void tl_mpi_collect_part_rows(tl_mpi *m, const tl_mpi_sums *s);

/* Checks that the sums of such tables are finite: a rank alone sees its rows. TL_ERR_NUMERIC. */
tl_status tl_mpi_check_finite(const tl_mpi *m, const tl_gradients *sums);

#endif
