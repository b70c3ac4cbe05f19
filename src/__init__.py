"""Vitrine: which image embedding, tuned how, at what cost, finds my products best?"""
