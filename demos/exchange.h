/* What the demo bring_your_own exchanges with PyTorch: images, and the weights of a perceptron. Functions
 * that return bool leave the reason of a failure in tl_error(). */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "network.h"

/* Writes the images and the labels to a safetensors file: train.images, n x pixels, train.labels, test.images
 * and test.labels. */
bool images_write(const digits *d, const char *path);

/* Makes a network for the images of the layers in a file: the state_dict of a torch.nn.Sequential of Linear
 * and ReLU, whose names are 0.weight, 0.bias, 2.weight and so on. The weights are dense, and outputs x inputs
 * as they are there. network_free must be called even on failure. */
bool network_read(network *net, const char *path, const digits *d);

/* Returns the bytes of the tensors that tl_weights_save writes for the network. */
int64_t network_bytes_saved(const network *net);

#endif
