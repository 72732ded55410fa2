/* A graph whose nodes have features and a class, of which few are known: read from files, or Zachary's karate
 * club. */
#ifndef PAPERS_H
#define PAPERS_H

#include <tulle/tulle.h>

typedef struct node_list {
    int64_t n;
    int32_t *node;
} node_list;

typedef struct papers {
    int64_t n;
    int32_t classes;
    tl_pattern *edges;   /* n x n, both directions, with the diagonal */
    tl_real *weight;     /* of each edge: 1 / sqrt(degrees), with the diagonal (Kipf and Welling 2017) */
    tl_pattern *feature; /* n x features */
    tl_real *value;      /* of each feature; those of a node sum to 1 */
    int32_t *label;      /* [n] */
    node_list train, test;
} papers;

/* Reads adjacency.mtx and features.mtx, labels.npy, train.npy and test.npy from a folder; without one (NULL)
 * takes the club, with one known member of each class. On failure the reason is in tl_error(), and
 * papers_free must still be called. */
bool papers_get(papers *p, const char *folder);

void papers_free(papers *p);

#endif
