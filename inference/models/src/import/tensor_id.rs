//! The tensors of a Whisper model: which there are, their shapes and whisper.cpp's names.

use crate::ggml::{Hyperparameters, WeightType};

/// One half of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Encoder,
    Decoder,
}

impl Side {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
        }
    }
}

/// Which attention of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    /// Over the same sequence.
    Own,
    /// Of the decoder over the encoder's output.
    Cross,
}

/// One linear map of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Projection {
    Query,
    Key,
    Value,
    Out,
}

/// One linear map of a feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linear {
    Up,
    Down,
}

/// One convolution of the encoder's stem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Convolution {
    First,
    Second,
}

/// The two tensors of a linear map, a convolution or a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Param {
    Weight,
    Bias,
}

impl Param {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
        }
    }
}

/// One tensor of the model, in nobody's spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TensorId {
    Positions(Side),
    TokenEmbedding,
    Convolution(Convolution, Param),
    Attention {
        side: Side,
        layer: u32,
        attention: Attention,
        projection: Projection,
        param: Param,
    },
    AttentionNorm {
        side: Side,
        layer: u32,
        attention: Attention,
        param: Param,
    },
    FeedForward {
        side: Side,
        layer: u32,
        linear: Linear,
        param: Param,
    },
    FeedForwardNorm {
        side: Side,
        layer: u32,
        param: Param,
    },
    FinalNorm(Side, Param),
}

const PARAMS: [Param; 2] = [Param::Weight, Param::Bias];

/// All tensors, in the order they are written.
pub(super) fn in_file_order(parameters: &Hyperparameters) -> Vec<TensorId> {
    let mut ids = vec![TensorId::Positions(Side::Encoder)];
    for convolution in [Convolution::First, Convolution::Second] {
        ids.extend(PARAMS.map(|param| TensorId::Convolution(convolution, param)));
    }
    for layer in 0..parameters.audio_layers {
        push_attention(&mut ids, Side::Encoder, layer, Attention::Own);
        push_feed_forward(&mut ids, Side::Encoder, layer);
    }
    ids.extend(PARAMS.map(|param| TensorId::FinalNorm(Side::Encoder, param)));

    ids.extend([TensorId::Positions(Side::Decoder), TensorId::TokenEmbedding]);
    for layer in 0..parameters.text_layers {
        push_attention(&mut ids, Side::Decoder, layer, Attention::Own);
        push_attention(&mut ids, Side::Decoder, layer, Attention::Cross);
        push_feed_forward(&mut ids, Side::Decoder, layer);
    }
    ids.extend(PARAMS.map(|param| TensorId::FinalNorm(Side::Decoder, param)));
    ids
}

fn push_attention(ids: &mut Vec<TensorId>, side: Side, layer: u32, attention: Attention) {
    use {
        Param::{Bias, Weight},
        Projection::{Key, Out, Query, Value},
    };
    let tensors = [
        (Query, Weight),
        (Query, Bias),
        (Key, Weight), // Whisper's keys have no bias
        (Value, Weight),
        (Value, Bias),
        (Out, Weight),
        (Out, Bias),
    ];
    ids.extend(tensors.map(|(projection, param)| TensorId::Attention {
        side,
        layer,
        attention,
        projection,
        param,
    }));
    ids.extend(PARAMS.map(|param| TensorId::AttentionNorm {
        side,
        layer,
        attention,
        param,
    }));
}

fn push_feed_forward(ids: &mut Vec<TensorId>, side: Side, layer: u32) {
    for linear in [Linear::Up, Linear::Down] {
        ids.extend(PARAMS.map(|param| TensorId::FeedForward {
            side,
            layer,
            linear,
            param,
        }));
    }
    ids.extend(PARAMS.map(|param| TensorId::FeedForwardNorm { side, layer, param }));
}

impl TensorId {
    /// The name whisper.cpp's loader looks for.
    pub(super) fn ggml_name(self) -> String {
        match self {
            Self::Positions(side) => format!("{}.positional_embedding", side.name()),
            Self::TokenEmbedding => "decoder.token_embedding.weight".to_owned(),
            Self::Convolution(convolution, param) => {
                let number = match convolution {
                    Convolution::First => 1,
                    Convolution::Second => 2,
                };
                format!("encoder.conv{number}.{}", param.name())
            }
            Self::Attention {
                side,
                layer,
                attention,
                projection,
                param,
            } => {
                let projection = match projection {
                    Projection::Query => "query",
                    Projection::Key => "key",
                    Projection::Value => "value",
                    Projection::Out => "out",
                };
                let block = block(side, layer);
                format!("{block}.{}.{projection}.{}", attention.ggml(), param.name())
            }
            Self::AttentionNorm {
                side,
                layer,
                attention,
                param,
            } => format!(
                "{}.{}_ln.{}",
                block(side, layer),
                attention.ggml(),
                param.name()
            ),
            Self::FeedForward {
                side,
                layer,
                linear,
                param,
            } => {
                // The activation between them counts as number 1.
                let number = match linear {
                    Linear::Up => 0,
                    Linear::Down => 2,
                };
                format!("{}.mlp.{number}.{}", block(side, layer), param.name())
            }
            Self::FeedForwardNorm { side, layer, param } => {
                format!("{}.mlp_ln.{}", block(side, layer), param.name())
            }
            Self::FinalNorm(Side::Encoder, param) => format!("encoder.ln_post.{}", param.name()),
            Self::FinalNorm(Side::Decoder, param) => format!("decoder.ln.{}", param.name()),
        }
    }

    /// Its shape, the slowest dimension first.
    pub(super) fn shape(self, parameters: &Hyperparameters) -> Vec<u32> {
        let state = parameters.audio_state;
        let inner = state.saturating_mul(4);
        match self {
            Self::Positions(Side::Encoder) => vec![parameters.audio_context, state],
            Self::Positions(Side::Decoder) => vec![parameters.text_context, state],
            Self::TokenEmbedding => vec![parameters.vocabulary, state],
            Self::Convolution(Convolution::First, Param::Weight) => {
                vec![state, parameters.mels, 3]
            }
            Self::Convolution(Convolution::Second, Param::Weight) => vec![state, state, 3],
            Self::Attention {
                param: Param::Weight,
                ..
            } => vec![state, state],
            Self::FeedForward { linear, param, .. } => match (linear, param) {
                (Linear::Up, Param::Weight) => vec![inner, state],
                (Linear::Down, Param::Weight) => vec![state, inner],
                (Linear::Up, Param::Bias) => vec![inner],
                (Linear::Down, Param::Bias) => vec![state],
            },
            Self::Convolution(_, Param::Bias)
            | Self::Attention { .. }
            | Self::AttentionNorm { .. }
            | Self::FeedForwardNorm { .. }
            | Self::FinalNorm(..) => vec![state],
        }
    }

    /// Its shape in the file: the loader wants the biases of the convolutions as a column.
    pub(super) fn file_shape(self, shape: &[u32]) -> Vec<u32> {
        let mut shape = shape.to_owned();
        if let Self::Convolution(_, Param::Bias) = self {
            shape.push(1);
        }
        shape
    }

    /// How the loader wants it stored, where matrices are stored as `matrices`.
    pub(super) fn storage(self, matrices: WeightType) -> WeightType {
        match self {
            Self::Convolution(_, Param::Weight) => WeightType::F16,
            Self::TokenEmbedding
            | Self::Attention {
                param: Param::Weight,
                ..
            }
            | Self::FeedForward {
                param: Param::Weight,
                ..
            } => matrices,
            Self::Positions(_)
            | Self::Convolution(..)
            | Self::Attention { .. }
            | Self::AttentionNorm { .. }
            | Self::FeedForward { .. }
            | Self::FeedForwardNorm { .. }
            | Self::FinalNorm(..) => WeightType::F32,
        }
    }
}

impl Attention {
    const fn ggml(self) -> &'static str {
        match self {
            Self::Own => "attn",
            Self::Cross => "cross_attn",
        }
    }
}

fn block(side: Side, layer: u32) -> String {
    format!("{}.blocks.{layer}", side.name())
}
