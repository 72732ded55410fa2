/* Examples of docs/ops/lookups.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    tl_variable *words = tl_variable_dense("words", TL_SHAPE(10, 4));
    tl_variable *shard[] = { tl_variable_dense("users_0", TL_SHAPE(3, 4)),
                             tl_variable_dense("users_1", TL_SHAPE(2, 4)) };
    tl_graph *g = tl_graph_new();
    tl_node *table = tl_use(g, words);

    /* embedding_lookup */
    const int32_t sentences[] = { 3, 1, 4, 1, 5, 9 };
    tl_node *vectors = tl_embedding_lookup(table, sentences, TL_SHAPE(2, 3)); /* 2x3 ids: 2x3x4 */
    tl_node *last = tl_slice(vectors, 1, 2, 3);

    /* embedding_lookup_padded */
    const int32_t padded[] = { 3, 1, 4, 9, 0, 0 }; /* the second sentence has one word */
    tl_node *sequence = tl_embedding_lookup_padded(table, padded, TL_SHAPE(2, 3), 0);
    tl_node *text = tl_reduce_sum(sequence, 1);

    /* embedding_lookup_partitioned */
    tl_node *const users[] = { tl_use(g, shard[0]), tl_use(g, shard[1]) }; /* of 5 rows, 3 and 2 */
    const int32_t friends[] = { 4, 0 };
    tl_node *known = tl_embedding_lookup_partitioned(users, 2, friends, TL_SHAPE(2), TL_MOD, 1);

    /* embedding_lookup_sparse */
    const int64_t row_ptr[] = { 0, 4, 4, 6 }; /* three texts, of 4, 0 and 2 words */
    const tl_pattern_bag bags = { .n = 3, .row_ptr = row_ptr, .ids = sentences, .n_ids = 6 };
    tl_node *means = tl_embedding_lookup_sparse(table, &bags, NULL, TL_MEAN); /* 3x4; row 1 is 0 */
    tl_node *peaks = tl_embedding_lookup_sparse(table, &bags, NULL, TL_MAX);

    tl_node *const of[] = { last, text, known, means, peaks };
    tl_node *total = tl_reduce_sum(vectors, TL_ALL_AXES);
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        total = tl_add(total, tl_reduce_sum(of[k], TL_ALL_AXES));
    tl_gradients pairs;
    const bool good = tl_backward(total, &pairs) == TL_OK && pairs.pair[0].rows != NULL;

    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(words);
    tl_variable_free(shard[0]);
    tl_variable_free(shard[1]);
    return !good;
}
